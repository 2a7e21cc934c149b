import type { Sandbox } from "../api/types";
import { networkSummary } from "../api/network";
import { kindName, policySummary, sentence } from "../api/policy";
import { secondsSince, shortDuration } from "../app/time";
import { Button, PageLink } from "./button";
import { Layers } from "./layers";
import { StatePill } from "./state-pill";
import "./sandbox-card.css";

interface Props {
    sandbox: Sandbox;
    now: number;
    onNetwork: () => void;
    onStop: () => void;
}

function memory(mib: number): string {
    return mib >= 1024 ? `${+(mib / 1024).toFixed(1)} GiB` : `${mib} MiB`;
}

function cores(percent: number): string {
    const count = +(percent / 100).toFixed(2);
    return count === 1 ? "1 core" : `${count} cores`;
}

function left(time: string | null, now: number): string | null {
    return time === null ? null : `${shortDuration(-secondsSince(time, now))} left`;
}

export function SandboxCard({ sandbox, now, onNetwork, onStop }: Props) {
    const { limits, display } = sandbox;
    const age = shortDuration(secondsSince(sandbox.started_at ?? sandbox.created_at, now));
    const running = sandbox.state === "running";
    const facts = sandbox.policy === null ? [] : policySummary(sandbox.policy, display);
    const name = `${kindName(sandbox.template)}, ${age} old`;
    return (
        <article class="sandbox-card" aria-label={name}>
            <PageLink to={`/sandboxes/${sandbox.id}`} class="sandbox-preview" label={`Open ${name}`}>
                <span class="sandbox-window" />
                <span class="sandbox-window" />
                <span class="sandbox-size">{display.width} × {display.height}</span>
            </PageLink>
            <div class="sandbox-body">
                <div class="sandbox-title">
                    <h2>{kindName(sandbox.template)}</h2>
                    <StatePill state={sandbox.state} viewers={sandbox.viewers} />
                </div>
                <dl class="sandbox-facts">
                    <div>
                        <dt>Age</dt>
                        <dd>{age}</dd>
                    </div>
                    <div>
                        <dt>Time limit</dt>
                        <dd>{left(sandbox.expires_at, now) ?? shortDuration(limits.session_seconds)}</dd>
                    </div>
                    <div>
                        <dt>When idle</dt>
                        <dd>
                            {sandbox.viewers === 0 && sandbox.idle_expires_at !== null
                                ? left(sandbox.idle_expires_at, now)
                                : `ends after ${shortDuration(limits.idle_seconds)}`}
                        </dd>
                    </div>
                    <div>
                        <dt>Limits</dt>
                        <dd>{memory(limits.memory_mb)}, {cores(limits.cpu_percent)}, {limits.pids} processes</dd>
                    </div>
                    {facts.length > 0 && (
                        <div>
                            <dt>Policy</dt>
                            <dd>{sentence(facts)}</dd>
                        </div>
                    )}
                    <div>
                        <dt>Network</dt>
                        <dd class="sandbox-network">
                            <span>{networkSummary(sandbox.network)}</span>
                            {running && (
                                <button type="button" aria-label="Change network" onClick={onNetwork}>Change</button>
                            )}
                        </dd>
                    </div>
                </dl>
                <div class="sandbox-actions">
                    <PageLink to={`/sandboxes/${sandbox.id}`} look="primary" icon="monitor">Open</PageLink>
                    <Button look="quiet-danger" icon="stop" disabled={!running} onClick={onStop}>Stop</Button>
                </div>
            </div>
            <Layers layers={sandbox.layers} />
        </article>
    );
}

