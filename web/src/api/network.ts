import type { Network, NetworkRule } from "./types";

export function destinationOf(rule: NetworkRule): string {
    return typeof rule === "string" ? rule : rule.to;
}

/** Rules whose header has a value that nobody can read back. */
export function secretRules(network: Network): NetworkRule[] {
    return network.rules.filter((rule) => typeof rule !== "string");
}

/** The other rules, as a person edits them. */
export function linesOf(network: Network): string {
    return network.rules.filter((rule) => typeof rule === "string").join("\n");
}

export function rulesOf(text: string): string[] {
    return text.split(/\s+/).filter((line) => line !== "");
}

/** One line for a card. */
export function networkSummary(network: Network): string {
    const [first, ...others] = network.rules.map(destinationOf);
    if (network.mode === "none" || first === undefined) {
        return "none";
    }
    return others.length === 0 ? first : `${first} and ${others.length} more`;
}
