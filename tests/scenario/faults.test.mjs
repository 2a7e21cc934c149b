// Every process of a running instance is killed in turn, under load: nothing that was acknowledged is lost, and the service is back by itself.
import { after, before, test } from "node:test";

import { EDGE, KILLS, Trial } from "../harness/faults.mjs";

let trial;
before(async () => {
    trial = await Trial.begin();
});
after(() => trial?.end());

async function endure(t, fault) {
    const back = await trial.endure(fault);
    t.diagnostic(`works again after ${Math.round(back)} ms`);
}

for (const fault of KILLS) test(`kill -9 of ${fault.name}`, (t) => endure(t, fault));

const skip = process.getuid() === 0 ? false : "HAProxy changes its user, which takes root";
for (const fault of EDGE) test(fault.name, { skip }, (t) => endure(t, fault));
