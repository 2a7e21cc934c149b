import type { Client } from "../api/client";
import { requestJson } from "../api/http";
import type { Stop, Ticket } from "../api/types";

/** Where a desktop comes from: the user's own, or somebody's link. */
export interface DesktopSource {
    readonly guest: boolean;
    /** Good for one WebSocket. A problem of status 409 says that the desktop is not running. */
    ticket(signal: AbortSignal): Promise<Ticket>;
    /** Why it does not run; null while it starts or stops. */
    stopOf(signal: AbortSignal): Promise<Stop | null>;
    /** The server closed the connection because the sign-in is over. */
    signedOut(): void;
}

export function ownDesktop(client: Client, id: string): DesktopSource {
    return {
        guest: false,
        ticket: (signal) => client.ticket(id, signal),
        stopOf: async (signal) => {
            const sandbox = await client.sandbox(id, signal);
            return sandbox.state === "ended" ? sandbox.stop ?? { reason: "", detail: "" } : null;
        },
        signedOut: () => client.auth.forget(),
    };
}

/** `token` is what stands behind the # of a link. */
export function sharedDesktop(token: string): DesktopSource {
    return {
        guest: true,
        ticket: (signal) => requestJson<Ticket>({ method: "POST", path: "/api/shares/ticket", body: { token }, signal }),
        stopOf: () => Promise.resolve({ reason: "", detail: "" }),
        signedOut: () => undefined,
    };
}
