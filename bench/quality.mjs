// How true a film of 960x540 is while it runs, and how long after its last frame the canvas is exact, 1920x1080. A canvas is always late: it is
// compared with that frame of the film which it shows (lib/film.mjs knows all of them). All sides in turns.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { launchBrowser, typeText } from "../tests/harness/browser.mjs";
import { until } from "../tests/harness/until.mjs";
import { FILM, filmFrame, nearestFrame, similarity } from "./lib/film.mjs";
import { openAll } from "./lib/pair.mjs";
import { option, report } from "./lib/report.mjs";
import { median, percentile } from "./lib/statistics.mjs";

const rounds = option("rounds", 2);
const n = option("n", 10); // pictures of the film, per side and round
const PLAY_S = 5;
const STILL_S = 4;
const FRAMES = (PLAY_S + 1) * 30;

// The film's part of the canvas as RGBA.
async function takePicture(page) {
    const base64 = await page.evaluate(async ({ x, y, width, height }) => {
        const canvas = [...document.querySelectorAll("canvas")].reduce((one, other) => (other.width > one.width ? other : one));
        const { data } = canvas.getContext("2d").getImageData(x, y, width, height);
        const url = await new Promise((resolve) => {
            const reader = new FileReader();
            reader.onload = () => resolve(reader.result);
            reader.readAsDataURL(new Blob([data]));
        });
        return url.slice(url.indexOf(",") + 1);
    }, FILM);
    return Buffer.from(base64, "base64");
}

// ms since 1970 at which the film's part of the canvas became what it is after `seconds`.
function lastChange(page, seconds) {
    return page.evaluate(async ([{ x, y, width, height }, ms]) => {
        const canvas = [...document.querySelectorAll("canvas")].reduce((one, other) => (other.width > one.width ? other : one));
        const sum = () => {
            let hash = 0;
            for (const pixel of new Uint32Array(canvas.getContext("2d").getImageData(x, y, width, height).data.buffer)) hash = (Math.imul(hash, 31) + pixel) | 0;
            return hash;
        };
        const end = performance.now() + ms;
        let last = { hash: sum(), at: Date.now() };
        while (performance.now() < end) {
            await new Promise((resolve) => setTimeout(resolve, 30));
            const hash = sum();
            if (hash !== last.hash) last = { hash, at: Date.now() };
        }
        return last.at;
    }, [FILM, seconds * 1000]);
}

async function measure(side) {
    await side.page.bringToFront();
    const ended = join(side.home, "ended");
    rmSync(ended, { force: true });
    await typeText(side.page, `perl scenes.pl ${PLAY_S} ${STILL_S}\n`);
    await side.page.waitForTimeout(1500);
    const pictures = [];
    for (let i = 0; i < n; i++) {
        pictures.push(await takePicture(side.page));
        await side.page.waitForTimeout(200);
    }
    await until(`the film's end: ${side.name}`, () => existsSync(ended), (PLAY_S + 5) * 1000);
    const changed = await lastChange(side.page, STILL_S - 1.5);
    const still = await takePicture(side.page);
    const last = filmFrame(nearestFrame(still, FRAMES));
    await side.page.waitForTimeout(2500); // the film's window closes
    const likeness = pictures.map((picture) => similarity(picture, filmFrame(nearestFrame(picture, FRAMES)), FILM.width, FILM.height));
    return {
        likeness,
        exact: Buffer.compare(still, last) === 0,
        settled: changed - Number(readFileSync(ended, "utf8")) * 1000,
        still: similarity(still, last, FILM.width, FILM.height),
    };
}

const browser = await launchBrowser();
const { sides, stop } = await openAll(browser);
const measured = sides.map(() => []);
try {
    for (let i = 0; i < rounds; i++) {
        for (const [j, side] of sides.entries()) measured[j].push(await measure(side));
    }
} finally {
    await stop();
    await browser.close();
}
const rows = sides.map(({ name }, j) => {
    const likeness = measured[j].flatMap((one) => one.likeness);
    const exact = measured[j].filter((one) => one.exact).length;
    return {
        side: name,
        "SSIM in motion, median": median(likeness).toFixed(4),
        "the worst 5 %": percentile(likeness, 5).toFixed(4),
        "exact when still": `${exact} of ${measured[j].length}`,
        "ms until the last change": median(measured[j].map(({ settled }) => settled)),
        "SSIM when still": median(measured[j].map(({ still }) => still)).toFixed(4),
    };
});
report("quality", rows, [
    "SSIM: luma, windows of 8 x 8; of the canvas to the frame of the film that it shows",
    `ms from the film's last frame until the canvas changed no more in the ${STILL_S - 1.5} s that were watched`,
    `${rounds} rounds of ${n} pictures per side`,
]);
