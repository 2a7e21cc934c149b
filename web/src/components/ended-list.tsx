import type { Sandbox } from "../api/types";
import { reasonText } from "../app/reasons";
import { ago, secondsSince, shortDuration } from "../app/time";
import { Button } from "./button";
import "./ended-list.css";

interface Props {
    sandboxes: readonly Sandbox[];
    now: number;
    more: (() => void) | null;
}

function lifetime(sandbox: Sandbox): string | null {
    if (sandbox.started_at === null || sandbox.ended_at === null) {
        return null;
    }
    return `ran ${shortDuration(secondsSince(sandbox.started_at, Date.parse(sandbox.ended_at)))}`;
}

function usage(sandbox: Sandbox): string[] {
    if (sandbox.usage === null) {
        return [];
    }
    const { cpu_seconds: cpu, peak_memory_mb: peak, processes, written_mb: written } = sandbox.usage;
    return [
        ...(cpu === null ? [] : [`${shortDuration(cpu)} of CPU`]),
        ...(peak === null ? [] : [`${Math.round(peak)} MiB at most`]),
        ...(processes === null ? [] : [`${processes} processes and threads at most`]),
        ...(written === null ? [] : [`${written < 1 ? "less than 1" : Math.round(written)} MiB written`]),
    ];
}

export function EndedList({ sandboxes, now, more }: Props) {
    return (
        <section class="ended">
            <h2>Ended</h2>
            <ul>
                {sandboxes.map((sandbox) => {
                    const reason = reasonText(sandbox.stop?.reason ?? "");
                    const facts = [lifetime(sandbox), ...usage(sandbox)].filter((fact) => fact !== null);
                    return (
                        <li key={sandbox.id}>
                            <span class={`ended-mark ended-${reason.tone}`} aria-hidden="true" />
                            <div class="ended-text">
                                <strong>{reason.title}</strong>
                                {sandbox.stop?.detail && <p>{sandbox.stop.detail}</p>}
                                {facts.length > 0 && <small>{sandbox.template}, {facts.join(", ")}</small>}
                            </div>
                            <time dateTime={sandbox.ended_at ?? sandbox.created_at}>
                                {ago(secondsSince(sandbox.ended_at ?? sandbox.created_at, now))}
                            </time>
                        </li>
                    );
                })}
            </ul>
            {more !== null && <Button look="quiet" icon="chevron" onClick={more}>Show more</Button>}
        </section>
    );
}
