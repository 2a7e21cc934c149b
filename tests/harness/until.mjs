// Waiting for a condition that no descriptor announces (another process's exit, a row, a log line): it is asked again every
// few milliseconds until it holds; the deadline is a failure that says what was waited for.
import { setTimeout as pause } from "node:timers/promises";

const INTERVAL_MS = 10;

// A machine that is busy with ten other things takes ten times as long; who waits for less asserts it.
export const PATIENCE_MS = 60000;

export async function until(what, condition, timeoutMs = PATIENCE_MS) {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
        const value = await condition();
        if (value) return value;
        if (performance.now() > deadline) throw new Error(`timed out after ${timeoutMs} ms: ${what}`);
        await pause(INTERVAL_MS);
    }
}
