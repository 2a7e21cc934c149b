// What a service has acknowledged, and whether it still says so. A fact has a value as text; an operation on it ends in one of three ways: acknowledged
// (so it is from now on), refused (as it was before), or without an answer that says which (either may be, until it is read at rest).
import assert from "node:assert/strict";

export class Ledger {
    #facts = new Set();
    acknowledged = 0;
    doubtful = 0;

    // read: asks the service for the present value; settled: is told what was read.
    add(name, value, read, settled = () => {}) {
        const fact = { name, permitted: new Set([value]), read, settled };
        this.#facts.add(fact);
        return fact;
    }

    remove(fact) {
        this.#facts.delete(fact);
    }

    get size() {
        return this.#facts.size;
    }

    // operation: gives true when it was acknowledged, false when it was refused, null when neither is known; so does this.
    async change(fact, value, operation) {
        const before = [...fact.permitted];
        fact.permitted.add(value);
        const outcome = await operation();
        if (outcome === null) this.doubtful++;
        else fact.permitted = new Set(outcome ? [value] : before);
        if (outcome) this.acknowledged++;
        return outcome;
    }

    // It may become so without anybody's wish.
    permit(fact, value) {
        fact.permitted.add(value);
    }

    // Compares all of it with what the service says, at rest: what was in doubt is certain afterwards.
    async verify() {
        for (const fact of this.#facts) {
            const value = await fact.read();
            assert.ok(fact.permitted.has(value), `${fact.name}: acknowledged was ${[...fact.permitted].join(" or ")}, it is ${value}`);
            fact.permitted = new Set([value]);
            fact.settled(value);
        }
    }
}
