// How long the service takes until it works again after each fault of tests/scenario/faults*, under their load. Run as root.
//
// usage: scripts/bench faults [--rounds N]
import { EDGE, HANGS, KILLS, Trial } from "../tests/harness/faults.mjs";
import { SHORTAGES } from "../tests/harness/shortages.mjs";
import { option, report } from "./lib/report.mjs";
import { median } from "./lib/statistics.mjs";

const WATCHDOG_S = 5;
const LOG_MAX = 4000; // of the log of an instance that did not come back
const rounds = option("rounds", 3);
process.env.PROGRAMS ??= new URL("../build/release/stage", import.meta.url).pathname;

const groups = [
    ["kill -9 of", KILLS, {}],
    ["", EDGE, {}],
    ["hang of", HANGS, { WATCHDOG_SECS: String(WATCHDOG_S) }],
    ["", SHORTAGES, {}],
];

async function endure(trial, fault, name) {
    try {
        return await trial.endure(fault);
    } catch (error) {
        throw new Error(`${name}: ${error.message}\n${trial.server.log.slice(-LOG_MAX)}`, { cause: error });
    }
}

const rows = [];
for (const [what, faults, env] of groups) {
    const trial = await Trial.begin(env);
    try {
        for (const fault of faults) {
            const name = `${what} ${fault.name}`.trim();
            const times = [];
            for (let i = 0; i < rounds; i++) times.push(await endure(trial, fault, name));
            rows.push({ fault: name, "works again, ms": Math.round(median(times)), "at most": Math.round(Math.max(...times)) });
        }
    } finally {
        await trial.end();
    }
}
report("faults", rows, [
    "from the fault until /ready answers 200, asked without HAProxy; the shortages and what is held up with SIGSTOP last until some requests have met them",
    `a hang is found out after ${WATCHDOG_S} s here, after WATCHDOG_SECS (30) as installed`,
]);
