import type { Notice } from "../stream/notice";

export interface Warning {
    reason: "idle" | "limit";
    /** ms of this machine's clock. */
    endsAt: number;
}

/** Both limits can be near at once: input takes the idle one away, and the other must still be on show. */
export type Warnings = Readonly<Partial<Record<Warning["reason"], number>>>;

export const NO_WARNINGS: Warnings = {};

/** What holds after a notice. `clockOffset` is the server's clock minus this machine's, in ms. */
export function heedWarning(warnings: Warnings, notice: Notice, clockOffset: number): Warnings {
    switch (notice.type) {
        case "session":
            return NO_WARNINGS;
        case "warning":
            return { ...warnings, [notice.reason]: notice.endsAt - clockOffset };
        case "warning_cleared": {
            const { [notice.reason]: _, ...rest } = warnings;
            return rest;
        }
        default:
            return warnings;
    }
}

/** The one that ends the desktop first. */
export function nextWarning({ idle, limit }: Warnings): Warning | null {
    if (limit !== undefined && (idle === undefined || limit <= idle)) {
        return { reason: "limit", endsAt: limit };
    }
    return idle === undefined ? null : { reason: "idle", endsAt: idle };
}
