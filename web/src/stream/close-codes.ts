/** What the browser does after a close code of docs/PROTOCOL.md. */
export type CloseAction =
    | { action: "reconnect"; minimumPause: number }
    | { action: "ended" }
    | { action: "sign-in" }
    | { action: "show"; title: string; detail: string };

const ACTIONS: Record<number, CloseAction> = {
    4000: { action: "ended" },
    4001: {
        action: "show",
        title: "The connection broke the protocol",
        detail: "The server closed it. Reloading this page may help.",
    },
    4002: { action: "reconnect", minimumPause: 1_000 },
    4003: { action: "sign-in" },
    4004: { action: "reconnect", minimumPause: 250 },
    4005: {
        action: "show",
        title: "Too many viewers",
        detail: "This desktop is open in too many windows. Close one of them and try again.",
    },
    4006: {
        action: "show",
        title: "This link has ended",
        detail: "It was revoked or has expired. Ask for a new one.",
    },
    4008: {
        action: "show",
        title: "This desktop can't be recorded",
        detail: "Recording is required here, so nothing is shown without it. Programs go on. Tell the administrator.",
    },
    4007: {
        action: "show",
        title: "Your view was ended",
        detail: "The owner of this desktop closed this window.",
    },
};

export function closeAction(code: number): CloseAction {
    return ACTIONS[code] ?? { action: "reconnect", minimumPause: 0 };
}

const PAUSES_MS = [0, 250, 500, 1_000, 2_000, 4_000];
const LONGEST_PAUSE_MS = 5_000;

/** The pause before attempt number `attempt`, counted from 0. */
export function reconnectPause(attempt: number): number {
    return PAUSES_MS[attempt] ?? LONGEST_PAUSE_MS;
}
