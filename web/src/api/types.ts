/** The shapes of docs/openapi.yaml that this client reads. */

export interface User {
    id: string;
    username: string;
    role: "user" | "admin";
    created_at: string;
    sandbox_limit: number;
}

export interface AccessToken {
    access_token: string;
    token_type: "Bearer";
    expires_in: number;
    user: User;
}

export interface Limits {
    memory_mb: number;
    cpu_percent: number;
    pids: number;
    session_seconds: number;
    idle_seconds: number;
}

export type NetworkRule = string | { to: string; header: { name: string; value: null } };

export interface Network {
    mode: "none" | "allow";
    rules: NetworkRule[];
}

export interface Display {
    width: number;
    height: number;
}

export interface Policy {
    clipboard_to_sandbox_kb: number;
    clipboard_to_browser_kb: number;
    display_max: Display;
    sound: boolean;
    microphone: boolean;
    sharing: "off" | "view" | "control";
    recording: "off" | "allowed" | "required";
}

export interface Template {
    id: string;
    name: string;
    description: string;
    display: Display;
    limits: Limits;
    network: "none";
    policy: Policy;
}

export interface Layer {
    name: string;
    state: "on" | "weaker" | "missing";
    detail: string;
}

export type StopReason =
    | "user"
    | "administrator"
    | "idle"
    | "limit"
    | "memory"
    | "host_memory"
    | "display"
    | "crash"
    | "start_failed"
    | "node_restart"
    | "shutdown"
    | "account_disabled";

export interface Stop {
    reason: StopReason | "";
    detail: string;
}

export interface Sandbox {
    id: string;
    template: string;
    state: "starting" | "running" | "stopping" | "ended";
    node: string;
    created_at: string;
    started_at: string | null;
    ended_at: string | null;
    expires_at: string | null;
    idle_expires_at: string | null;
    limits: Limits;
    network: Network;
    display: Display;
    viewers: number;
    stop: Stop | null;
    usage: Usage | null;
    layers: Layer[];
    start: "parked" | "cold" | null;
    /** null: it was made before there were policies. */
    policy: Policy | null;
}

/** Of an ended sandbox; null: not known. */
export interface Usage {
    cpu_seconds: number | null;
    peak_memory_mb: number | null;
    processes: number | null;
    written_mb: number | null;
}

export interface Page<T> {
    items: T[];
    next_cursor: string | null;
}

export interface Ticket {
    ticket: string;
    path: string;
    expires_at: string;
}
