// A running instance runs out of what it needs, under load: it says so, nothing that was acknowledged is lost, and it goes on by itself when there is enough.
import { after, before, test } from "node:test";

import { Trial } from "../harness/faults.mjs";
import { SHORTAGES } from "../harness/shortages.mjs";

let trial;
before(async () => {
    trial = await Trial.begin();
});
after(() => trial?.end());

for (const fault of SHORTAGES) {
    test(fault.name, async (t) => {
        const back = await trial.endure(fault);
        t.diagnostic(`works again after ${Math.round(back)} ms`);
    });
}
