// From keydown in the page to the return of the draw call that shows its character in a terminal, 1920x1080; rounds alternate.
// The browser's compositor comes on top, for both alike.
import { launchBrowser, typeText } from "../tests/harness/browser.mjs";
import { openBoth } from "./lib/pair.mjs";
import { option, report } from "./lib/report.mjs";
import { randomBetween, summary } from "./lib/statistics.mjs";

const rounds = option("rounds", 5);
const n = option("n", 200);
const WARM_UP = 5; // keys of a round that are not counted: the page has just come to the front
const GAP_MS = [300, 450];
const LINE = 60;

async function typeKeys(page, count) {
    for (let i = 0; i < count; i++) {
        if (i % LINE === LINE - 1) await page.keyboard.press("Enter");
        else await page.keyboard.press("abcdefghij"[i % 10]);
        await page.waitForTimeout(randomBetween(...GAP_MS));
    }
}

async function round(side) {
    await side.page.bringToFront();
    await typeKeys(side.page, WARM_UP);
    await side.page.evaluate(() => (window.probe.samples = []));
    await typeKeys(side.page, Math.ceil(n / rounds));
    return side.page.evaluate(() => window.probe.samples);
}

const browser = await launchBrowser();
const { sides, stop } = await openBoth(browser);
const samples = sides.map(() => []);
try {
    for (const side of sides) await typeText(side.page, "cat >/dev/null\n"); // the kernel's own echo: no shell redraws its line
    for (let i = 0; i < rounds; i++) {
        for (const [j, side] of sides.entries()) samples[j].push(...(await round(side)));
    }
} finally {
    await stop();
    await browser.close();
}

const [ours, peer] = samples;
const row = (name, values) => ({ "ms from keydown": name, ...summary(values) });
const micro = (field) => ours.map((sample) => sample[field] / 1000);
const drawn = (list) => list.map((sample) => sample.drawn);
report(
    "key_to_pixel",
    [
        row("sandbox-server: drawn", drawn(ours)),
        row("TigerVNC + websockify + noVNC: drawn", drawn(peer)),
        row("ours: until the key is sent", ours.map((sample) => sample.sent)),
        row("ours: sent until its frame arrives", ours.map((sample) => sample.arrived - sample.sent)),
        row("ours: of that, damage until capture", micro("waited")),
        row("ours: of that, conversion", micro("converted")),
        row("ours: of that, encoding", micro("encoded")),
        row("ours: arrived until drawn", ours.map((sample) => sample.drawn - sample.arrived)),
        row("peer: sent until its update arrives", peer.map((sample) => sample.arrived - sample.sent)),
        row("peer: arrived until drawn", peer.map((sample) => sample.drawn - sample.arrived)),
    ],
    [
        `ours / peer: p50 ${(summary(drawn(ours)).p50 / summary(drawn(peer)).p50).toFixed(2)}, p95 ${(summary(drawn(ours)).p95 / summary(drawn(peer)).p95).toFixed(2)}`,
        `frames of ours: ${[2, 3, 4].map((kind) => `${ours.filter((sample) => sample.kind === kind).length} ${["video", "lossless", "copy"][kind - 2]}`).join(", ")}`,
        `${rounds} rounds per side, ${GAP_MS.join("-")} ms between two keys`,
    ],
);
