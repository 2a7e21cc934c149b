// What processes cost, read from /proc (proc(5)): processor time, proportional set size.
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";

// Seconds that the process's threads have run, in nanosecond precision: the ticks of /proc/<pid>/stat are too coarse for an idle process.
export function cpuSeconds(pid) {
    let nanoseconds = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
        nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    }
    return nanoseconds / 1e9;
}

// Times that the process's threads were put on a processor: what wakes up shows here even when it costs nothing.
export function runs(pid) {
    let count = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
        count += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[2]);
    }
    return count;
}

// Proportional set size in MiB: pages that several processes map count for each by its share.
export function pssMiB(pid) {
    const match = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
    if (!match) throw new Error(`no Pss in /proc/${pid}/smaps_rollup`);
    return Number(match[1]) / 1024;
}

// roles: {role: [pid]}. {role: sum of what `measure` tells of its processes}.
export function perRole(roles, measure) {
    return Object.fromEntries(
        Object.entries(roles).map(([role, pids]) => [role, pids.reduce((sum, pid) => sum + measure(pid), 0)]),
    );
}

// What each role has used while `scene` ran: {seconds, share: {role: percent of a core}}.
export async function cpuDuring(roles, scene) {
    const before = perRole(roles, cpuSeconds);
    const start = performance.now();
    await scene();
    const seconds = (performance.now() - start) / 1000;
    const after = perRole(roles, cpuSeconds);
    const share = Object.fromEntries(
        Object.keys(roles).map((role) => [role, ((after[role] - before[role]) / seconds) * 100]),
    );
    return { seconds, share };
}

export const loadAverage = () => readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3).join(" ");

// {connection: payload bytes that the kernel has sent and received on it} of the server's port.
export function bytesOnPort(port) {
    const text = execFileSync("ss", ["-tniOH", "state", "established", `( sport = :${port} )`], { encoding: "utf8" });
    const count = (line, name) => Number(new RegExp(`\\b${name}:(\\d+)`).exec(line)?.[1] ?? 0);
    const lines = text.split("\n").filter(Boolean);
    return Object.fromEntries(lines.map((line) => [line.split(/\s+/)[3], count(line, "bytes_sent") + count(line, "bytes_received")]));
}

// Of the connections that lasted: the page's idle HTTP connections end meanwhile.
export function bytesBetween(before, after) {
    return Object.keys(before).reduce((sum, connection) => sum + (connection in after ? after[connection] - before[connection] : 0), 0);
}
