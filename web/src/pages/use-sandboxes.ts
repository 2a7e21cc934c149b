import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { delay } from "../api/http";
import { describe, SignedOutError } from "../api/problem";
import type { Sandbox } from "../api/types";
import { useApp } from "../app/context";

const CALM_MS = 5_000;
const CHANGING_MS = 1_500;
const ENDED_PAGE = 10;

export interface Sandboxes {
    /** null until the first answer. */
    active: Sandbox[] | null;
    ended: Sandbox[] | null;
    error: string | null;
    /** null when all ended ones are on show. */
    more: (() => void) | null;
    /** Asks the server again now. */
    refresh: () => void;
}

function untilVisible(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
        if (!document.hidden) {
            resolve();
            return;
        }
        document.addEventListener("visibilitychange", () => resolve(), { once: true, signal });
    });
}

function fingerprint(sandboxes: readonly Sandbox[]): string {
    return sandboxes.map((sandbox) => sandbox.id).sort().join();
}

/** The user's sandboxes, asked for again every few seconds while the page is visible. */
export function useSandboxes(): Sandboxes {
    const { client } = useApp();
    const [active, setActive] = useState<Sandbox[] | null>(null);
    const [ended, setEnded] = useState<Sandbox[] | null>(null);
    const [cursor, setCursor] = useState<string | null>(null);
    const [error, setError] = useState<string | null>(null);
    const [round, setRound] = useState(0);
    const wanted = useRef(ENDED_PAGE);
    const refresh = useCallback(() => setRound((value) => value + 1), []);

    useEffect(() => {
        const life = new AbortController();
        const poll = async () => {
            let known: string | null = null;
            for (;;) {
                await untilVisible(life.signal);
                const { items } = await client.activeSandboxes(life.signal);
                if (known !== fingerprint(items)) {
                    known = fingerprint(items);
                    const page = await client.endedSandboxes(wanted.current, null, life.signal);
                    setEnded(page.items);
                    setCursor(page.next_cursor);
                }
                setActive(items);
                setError(null);
                const changing = items.some((sandbox) => sandbox.state !== "running");
                await delay(changing ? CHANGING_MS : CALM_MS, life.signal);
            }
        };
        poll().catch((failure: unknown) => {
            if (!life.signal.aborted && !(failure instanceof SignedOutError)) {
                setError(describe(failure));
            }
        });
        return () => life.abort();
    }, [client, round]);

    const more = () => {
        wanted.current = Math.min(wanted.current + ENDED_PAGE, 100);
        refresh();
    };
    return { active, ended, error, more: cursor !== null && wanted.current < 100 ? more : null, refresh };
}
