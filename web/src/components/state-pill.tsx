import type { Sandbox } from "../api/types";
import "./state-pill.css";

const NAMES: Readonly<Record<Sandbox["state"], string>> = {
    starting: "Starting",
    running: "Running",
    stopping: "Stopping",
    ended: "Ended",
};

export function StatePill({ state, viewers }: { state: Sandbox["state"]; viewers: number }) {
    const watched = state === "running" && viewers > 0 ? ", open" : "";
    return <span class={`state-pill state-${state}`}>{NAMES[state]}{watched}</span>;
}
