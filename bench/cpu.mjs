// What typing (10 keys a second) and a scrolling terminal (200 lines a second) cost the server's processor, and what of it the page shows.
// The terminal itself is not counted, nor is the browser.
import { launchBrowser, typeText } from "../tests/harness/browser.mjs";
import { openBoth } from "./lib/pair.mjs";
import { cpuDuring } from "./lib/processes.mjs";
import { option, report } from "./lib/report.mjs";
import { median } from "./lib/statistics.mjs";

const rounds = option("rounds", 5);
const seconds = option("n", 10);

async function typing({ page }) {
    const start = performance.now();
    for (let i = 0; i < seconds * 10; i++) {
        await page.keyboard.press("abcdefghij"[i % 10]);
        await page.waitForTimeout(Math.max(0, start + (i + 1) * 100 - performance.now()));
    }
    await page.keyboard.press("Control+KeyU");
}

async function scrolling({ page }) {
    await page.waitForTimeout(seconds * 1000);
}

const SCENES = {
    "typing 10/s": { run: typing, begin: async () => {}, end: async () => {} },
    "terminal 200 lines/s": {
        run: scrolling,
        begin: async ({ page }) => {
            await typeText(page, `perl scroll.pl ${seconds + 2}\n`);
            await page.waitForTimeout(500);
        },
        end: async ({ page }) => page.waitForTimeout(2000),
    },
};

const counters = ({ page }) => page.evaluate(() => ({ ...window.probe.counters }));

async function measure(side, scene) {
    await side.page.bringToFront();
    await scene.begin(side);
    const before = await counters(side);
    const { seconds: lasted, share } = await cpuDuring({ ...side.session, ...side.node }, () => scene.run(side));
    const after = await counters(side);
    await scene.end(side);
    return { share, fps: (after.ticks - before.ticks) / lasted, kbit: ((after.received - before.received) * 8) / 1000 / lasted };
}

const OTHER_ROLES = ["windowManager", "panel", "init", "supervisor", "database", "sandboxd"];

function row(side, scene, measured) {
    const of = (role) => median(measured.map(({ share }) => share[role] ?? 0));
    const all = median(measured.map(({ share }) => Object.values(share).reduce((sum, value) => sum + value, 0)));
    const fps = median(measured.map((one) => one.fps));
    return {
        scene,
        side: side.name,
        "% of a core": all,
        "X server": of("display"),
        "streamer or relay": of("streamer") + of("proxy"),
        server: of("server"),
        others: OTHER_ROLES.reduce((sum, role) => sum + of(role), 0),
        "frames/s seen": fps,
        "% per frame/s": all / fps,
        "kbit/s": median(measured.map((one) => one.kbit)),
    };
}

const browser = await launchBrowser();
const { sides, stop } = await openBoth(browser);
const rows = [];
const notes = [];
try {
    for (const [name, scene] of Object.entries(SCENES)) {
        const measured = sides.map(() => []);
        for (let i = 0; i < rounds; i++) {
            for (const [j, side] of sides.entries()) measured[j].push(await measure(side, scene));
        }
        const [ours, peer] = sides.map((side, j) => row(side, name, measured[j]));
        rows.push(ours, peer);
        notes.push(`${name}, ours / peer: CPU ${(ours["% of a core"] / peer["% of a core"]).toFixed(2)}, per frame seen ${(ours["% per frame/s"] / peer["% per frame/s"]).toFixed(2)}`);
    }
} finally {
    await stop();
    await browser.close();
}
report("cpu", rows, [...notes, `medians of ${rounds} rounds of ${seconds} s per side`]);
