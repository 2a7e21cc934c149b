// Memory of everything that runs while nobody is there: our programs and the embedded PostgreSQL, after a sandbox was used and has ended. Without
// parked sandboxes, and what one more costs, which waits for its owner.
import { startServer } from "../tests/harness/server.mjs";
import { isParked, listProcesses, processTree } from "../tests/harness/processes.mjs";
import { until } from "../tests/harness/until.mjs";
import { stopServer } from "./lib/ours.mjs";
import { pssMiB } from "./lib/processes.mjs";
import { option, report } from "./lib/report.mjs";
import { median } from "./lib/statistics.mjs";

const rounds = option("rounds", 3);
// Linux cuts names at 15 bytes; children of a program have names of their own.
const GROUPS = [
    ["sandbox-server", /^sandbox-server$/],
    ["sandboxd, with its spawner", /^sandboxd/],
    ["sandbox-egress, with its resolvers", /^(sandbox-egress|egress-)/],
    ["sandbox-tick", /^sandbox-tick$/],
    ["sandbox-supervisor, with its sweeper", /^sandbox-(supervi|sweeper)/],
    ["PostgreSQL", /^postgres$/],
];

async function measure() {
    const server = await startServer({ env: { SANDBOX_POOL_DESKTOP: "0" } });
    try {
        const client = await server.adminClient();
        const { id } = await client.startSandbox();
        await client.request("DELETE", `/api/sandboxes/${id}`);
        await until("its end", () => !listProcesses().some(({ pid, name }) => name === "Xvfb" && processTree(server.pid).some((one) => one.pid === pid)));
        const processes = processTree(server.pid).filter(({ pid, state }) => state !== "Z" && !isParked(pid));
        const rest = processes.filter(({ name }) => !GROUPS.some(([, pattern]) => pattern.test(name)));
        if (rest.length > 0) throw new Error(`belongs to none: ${rest.map(({ name }) => name).join(", ")}`);
        return GROUPS.map(([, pattern]) => {
            const pids = processes.filter(({ name }) => pattern.test(name)).map(({ pid }) => pid);
            return { count: pids.length, MiB: pids.reduce((sum, pid) => sum + pssMiB(pid), 0) };
        });
    } finally {
        await stopServer(server);
    }
}

const measured = [];
for (let i = 0; i < rounds; i++) measured.push(await measure());
const rows = GROUPS.map(([name], i) => ({ programs: name, processes: measured[0][i].count, "PSS MiB": median(measured.map((one) => one[i].MiB)) }));
const sum = median(measured.map((one) => one.reduce((total, { MiB }) => total + MiB, 0)));
rows.push({ programs: "all", processes: rows.reduce((total, { processes }) => total + processes, 0), "PSS MiB": sum });
report("daemons", rows, [`medians of ${rounds} rounds, after one sandbox has come and gone; no sandbox is kept ready`]);
