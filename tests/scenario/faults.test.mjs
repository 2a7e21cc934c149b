// Every process of a running instance is killed in turn, under load: nothing that was acknowledged is lost, and the service is back by itself.
import { after, before, test } from "node:test";

import { KILLS, Trial } from "../harness/faults.mjs";

let trial;
before(async () => {
    trial = await Trial.begin();
});
after(() => trial?.end());

for (const fault of KILLS) {
    test(`kill -9 of ${fault.name}`, async (t) => {
        const back = await trial.endure(fault);
        t.diagnostic(`works again after ${Math.round(back)} ms`);
    });
}
