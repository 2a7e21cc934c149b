import { MAX_NOTICE_LENGTH } from "./limits";

/** The text frames of docs/PROTOCOL.md. */
export type Notice =
    | { type: "session"; state: string; expiresAt: number | null; idleExpiresAt: number | null }
    | { type: "warning"; reason: "idle" | "limit"; endsAt: number }
    | { type: "warning_cleared"; reason: "idle" | "limit"; idleExpiresAt: number | null }
    | { type: "streamer"; state: string }
    | { type: "ended"; reason: string; detail: string };

function timeOf(value: unknown): number | null {
    const time = typeof value === "string" ? Date.parse(value) : NaN;
    return Number.isNaN(time) ? null : time;
}

function textOf(value: unknown): string {
    return typeof value === "string" ? value : "";
}

function warningReason(value: unknown): "idle" | "limit" | null {
    return value === "idle" || value === "limit" ? value : null;
}

/** null for anything that is no notice of this version; a newer server may send kinds this page can't know. */
export function parseNotice(text: string): Notice | null {
    if (text.length > MAX_NOTICE_LENGTH) {
        return null;
    }
    let value: unknown;
    try {
        value = JSON.parse(text);
    } catch {
        return null;
    }
    if (typeof value !== "object" || value === null) {
        return null;
    }
    const fields = value as Record<string, unknown>;
    const reason = warningReason(fields["reason"]);
    const endsAt = timeOf(fields["ends_at"]);
    switch (fields["type"]) {
        case "session":
            return {
                type: "session",
                state: textOf(fields["state"]),
                expiresAt: timeOf(fields["expires_at"]),
                idleExpiresAt: timeOf(fields["idle_expires_at"]),
            };
        case "warning":
            return reason === null || endsAt === null ? null : { type: "warning", reason, endsAt };
        case "warning_cleared":
            return reason === null
                ? null
                : { type: "warning_cleared", reason, idleExpiresAt: timeOf(fields["idle_expires_at"]) };
        case "streamer":
            return { type: "streamer", state: textOf(fields["state"]) };
        case "ended":
            return { type: "ended", reason: textOf(fields["reason"]), detail: textOf(fields["detail"]) };
        default:
            return null;
    }
}
