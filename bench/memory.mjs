// Proportional set size of one session at 1920x1080 with a viewer, after its terminal has scrolled; and of the programs that serve all
// sessions. One side at a time: pages that both map would count for half.
import { launchBrowser, typeText } from "../tests/harness/browser.mjs";
import { openOurs, openPeer, openTerminal } from "./lib/pair.mjs";
import { perRole, pssMiB } from "./lib/processes.mjs";
import { option, report } from "./lib/report.mjs";
import { median } from "./lib/statistics.mjs";

const rounds = option("rounds", 5);
const seconds = option("n", 3);
const SETTLE_MS = 3000;
const CORE = ["streamer", "display", "windowManager", "proxy"];

async function measure(open, browser) {
    const side = await open(browser);
    try {
        await openTerminal(side);
        await typeText(side.page, `perl scroll.pl ${seconds}\n`);
        await side.page.waitForTimeout(seconds * 1000 + SETTLE_MS);
        return { name: side.name, ...perRole({ ...side.session, ...side.node }, pssMiB) };
    } finally {
        await side.stop();
    }
}

const browser = await launchBrowser();
const measured = { ours: [], peer: [] };
try {
    for (let i = 0; i < rounds; i++) {
        measured.ours.push(await measure(openOurs, browser));
        measured.peer.push(await measure(openPeer, browser));
    }
} finally {
    await browser.close();
}
const core = (one) => CORE.reduce((sum, role) => sum + (one[role] ?? 0), 0);
const rows = Object.values(measured).flatMap((list) => {
    const { name, ...roles } = list[0];
    return [
        { side: name, "PSS of": "X server + streamer or relay + window manager", MiB: median(list.map(core)) },
        ...Object.keys(roles).map((role) => ({ side: name, "PSS of": `  ${role}`, MiB: median(list.map((one) => one[role])) })),
    ];
});
const ratio = median(measured.ours.map(core)) / median(measured.peer.map(core));
report("memory", rows, [`ours / peer: ${ratio.toFixed(2)}`, `medians of ${rounds} rounds per side`]);
