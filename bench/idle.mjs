// What a desktop costs that a viewer watches and nobody touches: processor time, wake-ups, bytes on the connection.
import { execFileSync } from "node:child_process";

import { launchBrowser } from "../tests/harness/browser.mjs";
import { openBoth } from "./lib/pair.mjs";
import { cpuDuring, perRole, runs } from "./lib/processes.mjs";
import { option, report } from "./lib/report.mjs";
import { median } from "./lib/statistics.mjs";

const rounds = option("rounds", 3);
const seconds = option("n", 30);
const SETTLE_MS = 5000;

// {connection: payload bytes that the kernel has sent and received on it} of the server's port.
function bytesOnPort(port) {
    const text = execFileSync("ss", ["-tniOH", "state", "established", `( sport = :${port} )`], { encoding: "utf8" });
    const count = (line, name) => Number(new RegExp(`\\b${name}:(\\d+)`).exec(line)?.[1] ?? 0);
    const lines = text.split("\n").filter(Boolean);
    return Object.fromEntries(lines.map((line) => [line.split(/\s+/)[3], count(line, "bytes_sent") + count(line, "bytes_received")]));
}

// Of the connections that lasted: the page's idle HTTP connections end meanwhile.
function bytesBetween(before, after) {
    return Object.keys(before).reduce((sum, connection) => sum + (connection in after ? after[connection] - before[connection] : 0), 0);
}

// The panel's clock draws when a minute begins: the window lies between two.
async function waitForQuietMinute(page) {
    const left = 60 - new Date().getSeconds();
    if (left < seconds + 2) await page.waitForTimeout((left + 2) * 1000);
}

async function measure(side) {
    await side.page.bringToFront();
    await side.page.waitForTimeout(SETTLE_MS);
    await waitForQuietMinute(side.page);
    const roles = { ...side.session, ...side.node };
    const before = { bytes: bytesOnPort(side.port), runs: perRole(roles, runs) };
    const { share } = await cpuDuring(roles, () => side.page.waitForTimeout(seconds * 1000));
    const after = { bytes: bytesOnPort(side.port), runs: perRole(roles, runs) };
    const wakes = Object.fromEntries(Object.keys(roles).map((role) => [role, (after.runs[role] - before.runs[role]) / seconds]));
    return { share, wakes, bytes: bytesBetween(before.bytes, after.bytes) };
}

const SESSION = ["streamer", "display", "windowManager", "panel", "init", "proxy"];

function rowsOf(side, measured) {
    const roles = Object.keys(measured[0].share);
    const middle = (field, role) => median(measured.map((one) => one[field][role]));
    const session = (field) =>
        median(measured.map((one) => roles.filter((role) => SESSION.includes(role)).reduce((sum, role) => sum + one[field][role], 0)));
    return [
        { side: side.name, process: "one session", "% of a core": session("share"), "times run per s": session("wakes"), "bytes on the wire": median(measured.map((one) => one.bytes)) },
        ...roles.map((role) => ({ side: side.name, process: `  ${role}`, "% of a core": middle("share", role), "times run per s": middle("wakes", role) })),
    ];
}

const browser = await launchBrowser();
const { sides, stop } = await openBoth(browser);
const measured = sides.map(() => []);
let rows;
try {
    for (let i = 0; i < rounds; i++) {
        for (const [j, side] of sides.entries()) measured[j].push(await measure(side));
    }
    rows = sides.flatMap((side, j) => rowsOf(side, measured[j]));
} finally {
    await stop();
    await browser.close();
}
report("idle", rows, [
    `medians of ${rounds} rounds of ${seconds} s per side, between two minutes of the panel's clock; a terminal stands open`,
    "bytes on the wire: TCP payload both ways on the server's port; a WebSocket ping and its answer are 8 bytes every 20 s",
]);
