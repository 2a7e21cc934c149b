// Proportional set size of one session at 1920x1080 with a viewer, after its terminal has scrolled; and of the programs that serve all
// sessions. One side at a time: pages that several map would count by their share.
import { launchBrowser, typeText } from "../tests/harness/browser.mjs";
import { OPENERS, openTerminal } from "./lib/pair.mjs";
import { perRole, pssMiB } from "./lib/processes.mjs";
import { option, ratios, report } from "./lib/report.mjs";
import { median } from "./lib/statistics.mjs";

const rounds = option("rounds", 3);
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
const measured = OPENERS.map(() => []);
try {
    for (let i = 0; i < rounds; i++) {
        for (const [j, open] of OPENERS.entries()) measured[j].push(await measure(open, browser));
    }
} finally {
    await browser.close();
}
const core = (one) => CORE.reduce((sum, role) => sum + (one[role] ?? 0), 0);
const rows = measured.flatMap((list) => {
    const { name, ...roles } = list[0];
    return [
        { side: name, "PSS of": "session: X server, streamer, relay, window manager", MiB: median(list.map(core)) },
        ...Object.keys(roles).map((role) => ({ side: name, "PSS of": role, MiB: median(list.map((one) => one[role])) })),
    ];
});
const [ours, ...peers] = measured.map((list) => ({ name: list[0].name, MiB: median(list.map(core)) }));
report("memory", rows, [ratios("a session", ours, peers, ({ MiB }) => MiB), `medians of ${rounds} rounds per side`]);
