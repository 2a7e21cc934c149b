// Every process of a running instance hangs in turn, under load: those that others wait for are found out and started again, and with none of them anything
// that was acknowledged is lost.
import { after, before, test } from "node:test";

import { HANGS, Trial } from "../harness/faults.mjs";

let trial;
before(async () => {
    trial = await Trial.begin({ WATCHDOG_SECS: "5" });
});
after(() => trial?.end());

for (const fault of HANGS) {
    test(`${fault.name} hangs`, async (t) => {
        const back = await trial.endure(fault);
        t.diagnostic(`works again after ${Math.round(back)} ms`);
    });
}
