/** Why a sandbox ended: a heading for people, and how it should look. */
export interface ReasonText {
    title: string;
    tone: "neutral" | "warning" | "danger";
}

const REASONS: Readonly<Record<string, ReasonText>> = {
    user: { title: "Stopped by you", tone: "neutral" },
    administrator: { title: "Stopped by an administrator", tone: "warning" },
    idle: { title: "Ended after no one used it", tone: "neutral" },
    limit: { title: "Reached its time limit", tone: "neutral" },
    memory: { title: "Ran out of memory", tone: "danger" },
    host_memory: { title: "The server ran out of memory", tone: "danger" },
    display: { title: "The display failed", tone: "danger" },
    crash: { title: "Crashed", tone: "danger" },
    start_failed: { title: "Could not start", tone: "danger" },
    node_restart: { title: "The sandbox service restarted", tone: "warning" },
    shutdown: { title: "The server was shut down", tone: "warning" },
    account_disabled: { title: "The account was disabled", tone: "warning" },
};

export function reasonText(reason: string): ReasonText {
    return Object.hasOwn(REASONS, reason) ? REASONS[reason]! : { title: "Ended", tone: "neutral" };
}
