// What typing (10 keys a second), a scrolling terminal, a window that is dragged and a film cost the server's processor and the browser's, and
// what of it the page shows. The programs that draw are not counted.
import { launchBrowser, typeText } from "../tests/harness/browser.mjs";
import { processTree } from "../tests/harness/processes.mjs";
import { openAll } from "./lib/pair.mjs";
import { bytesBetween, bytesOnPort, cpuDuring } from "./lib/processes.mjs";
import { option, ratios, report } from "./lib/report.mjs";
import { median } from "./lib/statistics.mjs";

const rounds = option("rounds", 2);
const seconds = option("n", 3);

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

// By its title bar, in circles: 60 steps a second.
async function dragging({ page }) {
    const canvas = await page.locator("canvas").first().boundingBox();
    const at = (step) => [canvas.x + 960 + 150 * Math.sin(step / 20), canvas.y + 243 + 100 * (1 - Math.cos(step / 20))];
    const start = performance.now();
    await page.mouse.move(...at(0));
    await page.mouse.down();
    for (let step = 0; performance.now() - start < seconds * 1000; step++) {
        await page.mouse.move(...at(step));
        await page.waitForTimeout(Math.max(0, start + (step * 1000) / 60 - performance.now()));
    }
    await page.mouse.move(...at(0));
    await page.mouse.up();
}

const LONG = 600; // seconds: ended before
const running = (command) => ({
    run: scrolling,
    begin: async ({ page }) => {
        await typeText(page, `${command}\n`);
        await page.waitForTimeout(1500);
    },
    end: async ({ page }) => {
        await page.keyboard.press("Control+c");
        await page.waitForTimeout(500);
    },
});

const ALL = {
    "typing 10/s": { run: typing, begin: async () => {}, end: async () => {} },
    "terminal 200 lines/s": running(`perl scroll.pl ${LONG}`),
    "terminal 30 lines/s": running(`perl scroll.pl ${LONG} 30`),
    "window dragged": { run: dragging, begin: async () => {}, end: async () => {} },
    "film 960x540, 30/s": running(`perl scenes.pl ${LONG}`),
};

const counters = ({ page }) => page.evaluate(() => ({ ...window.probe.counters }));

// Of the browser that this program has started: the other sides' pages lie still in it.
const browserProcesses = () => processTree(process.pid).filter(({ name }) => name.startsWith("chrom")).map(({ pid }) => pid);

async function measure(side, scene) {
    await side.page.bringToFront();
    await scene.begin(side);
    const before = { ...(await counters(side)), bytes: bytesOnPort(side.port) };
    const roles = { ...side.session, ...side.node, browser: browserProcesses() };
    const { seconds: lasted, share } = await cpuDuring(roles, () => scene.run(side));
    const after = { ...(await counters(side)), bytes: bytesOnPort(side.port) };
    await scene.end(side);
    const { browser: browserShare, ...serverShare } = share;
    const kbit = (bytesBetween(before.bytes, after.bytes) * 8) / 1000 / lasted;
    return { share: serverShare, browser: browserShare, fps: (after.ticks - before.ticks) / lasted, kbit };
}

const SCENES = Object.fromEntries(Object.entries(ALL).filter(([k]) => !process.env.SCENE || new RegExp(process.env.SCENE).test(k)));
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
        streamer: of("streamer"),
        relay: of("proxy"),
        server: of("server"),
        others: OTHER_ROLES.reduce((sum, role) => sum + of(role), 0),
        "frames/s seen": fps,
        "% per frame/s": all / fps,
        "kbit/s": median(measured.map((one) => one.kbit)),
        "browser, %": median(measured.map((one) => one.browser)),
    };
}

const browser = await launchBrowser();
const { sides, stop } = await openAll(browser);
const rows = [];
const notes = [];
try {
    for (const [name, scene] of Object.entries(SCENES)) {
        const measured = sides.map(() => []);
        for (let i = 0; i < rounds; i++) {
            for (const [j, side] of sides.entries()) measured[j].push(await measure(side, scene));
        }
        const [ours, ...peers] = sides.map((side, j) => ({ name: side.name, ...row(side, name, measured[j]) }));
        rows.push(...[ours, ...peers].map(({ name: _, ...cells }) => cells));
        for (const figure of ["% of a core", "% per frame/s", "frames/s seen", "kbit/s", "browser, %"]) {
            notes.push(ratios(`${name}: ${figure}`, ours, peers, (one) => one[figure]));
        }
    }
} finally {
    await stop();
    await browser.close();
}
report("cpu", rows, [...notes, `medians of ${rounds} rounds of ${seconds} s per side`]);
