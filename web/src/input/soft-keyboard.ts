/** What turns one content of a text field into another: characters to delete at the end, then text to type. */
export function difference(before: string, after: string): { deletions: number; text: string } {
    const old = [...before];
    const fresh = [...after];
    let same = 0;
    while (same < old.length && same < fresh.length && old[same] === fresh[same]) {
        same++;
    }
    return { deletions: old.length - same, text: fresh.slice(same).join("") };
}
