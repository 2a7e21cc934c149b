import type { TestContext } from "node:test";

/** Replaces setTimeout for one test; what comes back lets all that was set ring. */
export function holdTimers(context: TestContext): () => void {
    let waiting: (() => void)[] = [];
    context.mock.method(globalThis, "setTimeout", ((action: () => void) => waiting.push(action)) as never);
    context.mock.method(globalThis, "clearTimeout", ((handle: number) => {
        waiting = waiting.filter((_, i) => i !== handle - 1);
    }) as never);
    return () => {
        const due = waiting;
        waiting = [];
        due.forEach((action) => action());
    };
}
