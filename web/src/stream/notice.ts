import { MAX_NOTICE_LENGTH } from "./limits";

export type Access = "control" | "view";

export type Sharing = "off" | "view" | "control";

/** What the desktop's kind permits whoever watches. The server and the streamer enforce it; the page leaves out what would not work. */
export interface Permissions {
    clipboard: boolean;
    sound: boolean;
    microphone: boolean;
    sharing: Sharing;
}

/** Until the server has told. */
export const USUAL: Permissions = { clipboard: true, sound: true, microphone: false, sharing: "control" };

export type RecordingMode = "off" | "allowed" | "required";

/** Somebody who watches the same desktop; told to its owner alone. */
export interface Viewer {
    id: string;
    guest: boolean;
    /** The link it came by; "" for the owner. */
    share: string;
    label: string;
    access: Access;
    since: number | null;
    you: boolean;
}

/** The text frames of docs/PROTOCOL.md. */
export type Notice =
    | { type: "session"; state: string; expiresAt: number | null; idleExpiresAt: number | null }
    | { type: "warning"; reason: "idle" | "limit"; endsAt: number }
    | { type: "warning_cleared"; reason: "idle" | "limit"; idleExpiresAt: number | null }
    | { type: "streamer"; state: string }
    | { type: "access"; access: Access; guest: boolean }
    | { type: "policy"; permissions: Permissions }
    | { type: "viewers"; count: number; items: Viewer[] | null }
    | { type: "recording"; mode: RecordingMode; on: boolean; failed: boolean }
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

function accessOf(value: unknown): Access {
    return value === "control" ? "control" : "view";
}

function permissionsOf(value: unknown): Permissions {
    const fields = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
    const { sharing } = fields;
    return {
        clipboard: fields["clipboard_to_sandbox_kb"] !== 0 || fields["clipboard_to_browser_kb"] !== 0,
        sound: fields["sound"] === true,
        microphone: fields["microphone"] === true,
        sharing: sharing === "control" || sharing === "view" ? sharing : "off",
    };
}

function viewerOf(value: unknown): Viewer {
    const fields = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
    return {
        id: textOf(fields["id"]),
        guest: fields["kind"] === "guest",
        share: textOf(fields["share"]),
        label: textOf(fields["label"]),
        access: accessOf(fields["access"]),
        since: timeOf(fields["since"]),
        you: fields["you"] === true,
    };
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
        case "access":
            return { type: "access", access: accessOf(fields["access"]), guest: fields["guest"] === true };
        case "policy":
            return { type: "policy", permissions: permissionsOf(fields["policy"]) };
        case "viewers": {
            const { count, items } = fields;
            return {
                type: "viewers",
                count: typeof count === "number" ? count : 0,
                items: Array.isArray(items) ? items.map(viewerOf) : null,
            };
        }
        case "recording": {
            const mode = fields["mode"];
            return {
                type: "recording",
                mode: mode === "allowed" || mode === "required" ? mode : "off",
                on: fields["on"] === true,
                failed: fields["failed"] === true,
            };
        }
        case "ended":
            return { type: "ended", reason: textOf(fields["reason"]), detail: textOf(fields["detail"]) };
        default:
            return null;
    }
}
