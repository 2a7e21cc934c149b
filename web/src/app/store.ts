import { useEffect, useState } from "preact/hooks";

/** A value that components can watch. Values are replaced, never changed in place. */
export class Store<T> {
    private readonly listeners = new Set<() => void>();

    constructor(private value: T) {}

    get(): T {
        return this.value;
    }

    set(value: T): void {
        if (Object.is(value, this.value)) {
            return;
        }
        this.value = value;
        for (const listener of [...this.listeners]) {
            listener();
        }
    }

    patch(changes: Partial<T>): void {
        this.set({ ...this.value, ...changes });
    }

    subscribe(listener: () => void): () => void {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
    }
}

export function useStore<T>(store: Store<T>): T {
    const [, redraw] = useState({});
    useEffect(() => {
        redraw({});
        return store.subscribe(() => redraw({}));
    }, [store]);
    return store.get();
}
