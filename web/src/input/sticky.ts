import { Store } from "../app/store";
import type { InputSender } from "./sender";

export type Stickiness = "once" | "locked";

/** Modifiers of the on-screen bar: pressed once for the next key, twice until pressed again. */
export class StickyModifiers {
    readonly held = new Store<ReadonlyMap<number, Stickiness>>(new Map());

    constructor(private readonly sender: InputSender) {
        sender.onTyped = () => this.letGo("once");
        sender.onReleased = () => this.held.set(new Map());
        sender.isSticky = (code) => this.held.get().has(code);
    }

    press(code: number): void {
        const next = new Map(this.held.get());
        switch (next.get(code)) {
            case undefined:
                next.set(code, "once");
                this.sender.key(code, true);
                break;
            case "once":
                next.set(code, "locked");
                break;
            case "locked":
                next.delete(code);
                this.sender.key(code, false);
                break;
        }
        this.held.set(next);
    }

    private letGo(which: Stickiness): void {
        const before = this.held.get();
        const after = new Map([...before].filter(([, stickiness]) => stickiness !== which));
        if (after.size === before.size) {
            return;
        }
        this.held.set(after);
        for (const [code, stickiness] of before) {
            if (stickiness === which) {
                this.sender.key(code, false);
            }
        }
    }
}
