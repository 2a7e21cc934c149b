import type { Display, Policy } from "./types";

function clipboardSummary({ clipboard_to_sandbox_kb: inward, clipboard_to_browser_kb: outward }: Policy): string | null {
    if (inward === 0 && outward === 0) {
        return "no clipboard";
    }
    if (outward === 0) {
        return "nothing copied out";
    }
    return inward === 0 ? "nothing pasted in" : null;
}

/** What is particular about a kind of desktop, in words; empty for the usual. */
export function policySummary(policy: Policy, display: Display): string[] {
    const { width, height } = policy.display_max;
    const facts = [
        policy.recording === "required" ? "recorded" : null,
        clipboardSummary(policy),
        policy.sound ? null : "no sound",
        policy.microphone ? "takes a microphone" : null,
        policy.sharing === "off" ? "not shared" : policy.sharing === "view" ? "shared for watching only" : null,
        width <= display.width && height <= display.height ? `at most ${width} × ${height}` : null,
    ];
    return facts.filter((fact) => fact !== null);
}

/** quiet-room is "quiet room" to people. */
export function kindName(template: string): string {
    return template.replaceAll("-", " ");
}

export function sentence(facts: readonly string[]): string {
    const text = facts.join(", ");
    return text.charAt(0).toUpperCase() + text.slice(1);
}
