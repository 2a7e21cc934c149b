import { useEffect, useId, useRef, useState } from "preact/hooks";
import { policySummary, sentence } from "../api/policy";
import { describe, UnreachableError } from "../api/problem";
import type { Sandbox, Template } from "../api/types";
import { useApp } from "../app/context";
import { Button } from "./button";
import { Message } from "./message";
import "./start-desktop.css";

interface Props {
    /** null while the list is being asked for. */
    active: readonly Sandbox[] | null;
    limit: number;
    onStarted: () => void;
}

function explanation(running: number, limit: number): string {
    if (limit === 0) {
        return "Your account may not start desktops.";
    }
    if (running >= limit) {
        return limit === 1
            ? "You may run one desktop at a time. Stop it to start another."
            : `All ${limit} of your desktops are running. Stop one to start another.`;
    }
    return `${running} of ${limit} running`;
}

/** The button, what limits it, and what came of it. */
export function StartDesktop({ active, limit, onStarted }: Props) {
    const { client, router } = useApp();
    const [templates, setTemplates] = useState<Template[]>([]);
    const [chosen, setChosen] = useState("");
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<string | null>(null);
    // Kept after a lost answer, so that pressing again finds the sandbox that may have been started.
    const key = useRef<string | null>(null);
    const id = useId();
    const template = templates.find((candidate) => candidate.id === chosen) ?? templates[0];
    const facts = template === undefined ? [] : policySummary(template.policy, template.display);
    const full = active !== null && active.length >= limit;

    useEffect(() => {
        const life = new AbortController();
        client.templates(life.signal).then(({ items }) => setTemplates(items)).catch((failure: unknown) => {
            if (!life.signal.aborted) {
                setError(describe(failure));
            }
        });
        return () => life.abort();
    }, [client]);

    const start = async () => {
        if (template === undefined) {
            return;
        }
        setBusy(true);
        setError(null);
        key.current ??= crypto.randomUUID();
        try {
            const sandbox = await client.startSandbox(template.id, key.current);
            key.current = null;
            if (sandbox.state === "ended") {
                setError(sandbox.stop?.detail ?? "The desktop could not start.");
                onStarted();
            } else {
                router.go(`/sandboxes/${sandbox.id}`);
            }
        } catch (failure) {
            if (!(failure instanceof UnreachableError)) {
                key.current = null;
            }
            setError(describe(failure));
            onStarted();
        }
        setBusy(false);
    };

    return (
        <div class="start-desktop">
            <div class="start-row">
                {templates.length > 1 && (
                    <select
                        aria-label="Kind of desktop"
                        value={template?.id}
                        onChange={(event) => setChosen(event.currentTarget.value)}
                    >
                        {templates.map(({ id: value, name }) => <option key={value} value={value}>{name}</option>)}
                    </select>
                )}
                <Button
                    look="primary"
                    size="large"
                    icon="plus"
                    busy={busy}
                    disabled={full || active === null || template === undefined}
                    aria-describedby={id}
                    onClick={() => void start()}
                >
                    {busy ? "Starting…" : "Start desktop"}
                </Button>
            </div>
            {template !== undefined && facts.length > 0 && <span class="start-policy">{sentence(facts)}</span>}
            <span id={id} class="start-limit">{active !== null && explanation(active.length, limit)}</span>
            <span class="visually-hidden" role="status">{busy && "Starting the desktop"}</span>
            {error !== null && <Message tone="danger" title="No desktop was started" alert>{error}</Message>}
        </div>
    );
}
