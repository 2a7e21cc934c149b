// What a desktop costs that a viewer watches and nobody touches: processor time, wake-ups, bytes on the connection.
import { launchBrowser } from "../tests/harness/browser.mjs";
import { openAll } from "./lib/pair.mjs";
import { bytesBetween, bytesOnPort, cpuSeconds, perRole, runs } from "./lib/processes.mjs";
import { option, report } from "./lib/report.mjs";
import { median } from "./lib/statistics.mjs";

const rounds = option("rounds", 3);
const seconds = option("n", 30);
const SETTLE_MS = 5000;

// The panel's clock draws when a minute begins: the window lies between two.
async function waitForQuietMinute(page) {
    const left = 60 - new Date().getSeconds();
    if (left < seconds + 2) await page.waitForTimeout((left + 2) * 1000);
}

// All sides in the same seconds: they do nothing.
async function measure(sides) {
    await sides[0].page.waitForTimeout(SETTLE_MS);
    await waitForQuietMinute(sides[0].page);
    const roles = sides.map((side) => ({ ...side.session, ...side.node }));
    const before = sides.map((side, i) => ({ bytes: bytesOnPort(side.port), runs: perRole(roles[i], runs), used: perRole(roles[i], cpuSeconds) }));
    const start = performance.now();
    await sides[0].page.waitForTimeout(seconds * 1000);
    const lasted = (performance.now() - start) / 1000;
    return sides.map((side, i) => {
        const after = { bytes: bytesOnPort(side.port), runs: perRole(roles[i], runs), used: perRole(roles[i], cpuSeconds) };
        const per = (field, scale) =>
            Object.fromEntries(Object.keys(roles[i]).map((role) => [role, ((after[field][role] - before[i][field][role]) / lasted) * scale]));
        return { share: per("used", 100), wakes: per("runs", 1), bytes: bytesBetween(before[i].bytes, after.bytes) };
    });
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
const { sides, stop } = await openAll(browser);
const measured = sides.map(() => []);
let rows;
try {
    for (let i = 0; i < rounds; i++) {
        for (const [j, one] of (await measure(sides)).entries()) measured[j].push(one);
    }
    rows = sides.flatMap((side, j) => rowsOf(side, measured[j]));
} finally {
    await stop();
    await browser.close();
}
report("idle", rows, [
    `medians of ${rounds} rounds of ${seconds} s, all sides at once, between two minutes of the panel's clock; a terminal stands open`,
    "bytes on the wire: TCP payload both ways on the server's port; a WebSocket ping and its answer are 8 bytes every 20 s",
]);
