/** Never seen; makes a Backspace in an otherwise empty field a change that the browser reports. */
export const ANCHOR = "\u200b";

export interface Typed {
    /** Backspaces, before the text. */
    deletions: number;
    text: string;
}

/** What was typed to turn one content of the text field into another. Each begins with the anchor unless deleted. */
export function typedBetween(before: string, after: string): Typed {
    const old = [...before.replaceAll(ANCHOR, "")];
    const fresh = [...after.replaceAll(ANCHOR, "")];
    if (old.length === 0 && after === "") {
        return { deletions: 1, text: "" };
    }
    let same = 0;
    while (same < old.length && same < fresh.length && old[same] === fresh[same]) {
        same++;
    }
    return { deletions: old.length - same, text: fresh.slice(same).join("") };
}
