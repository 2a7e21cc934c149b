// The two moving pictures: one that plays beside a terminal while it is told to (moving_picture.c), and one whose every frame is known
// here (scenes.pl), so that what a canvas shows can be judged however late it is.
import { chmodSync, copyFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { typeText } from "../../tests/harness/browser.mjs";

const PROGRAM = join(process.env.PROGRAMS, "libexec/sandbox-server/tests/moving_picture");

// Afterwards the terminal echoes keys without a shell, and window.probe.region is the line where they show.
export async function prepareFilm(side) {
    copyFileSync(PROGRAM, join(side.home, "film"));
    chmodSync(join(side.home, "film"), 0o755);
    await typeText(side.page, "clear; ./film & cat >/dev/null\n"); // the kernel's own echo: no shell redraws its line
    await side.page.waitForTimeout(2000);
    return findLine(side.page);
}

// Where typed characters show: the rows that one changes, over half of the screen's width, which the film does not touch.
async function findLine(page) {
    const look = () => page.evaluate(() => {
        const canvas = [...document.querySelectorAll("canvas")].reduce((one, other) => (other.width > one.width ? other : one));
        window.looked_ = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, 950, 1000).data.buffer);
        return window.before_ ? [...window.looked_.keys()].filter((i) => window.looked_[i] !== window.before_[i]) : [];
    });
    await look();
    await page.evaluate(() => (window.before_ = window.looked_));
    await page.keyboard.press("x");
    await page.waitForTimeout(1500);
    const changed = await look();
    if (changed.length === 0) throw new Error("a key changed nothing");
    const rows = changed.map((i) => Math.floor(i / 950));
    const [top, bottom] = [Math.min(...rows), Math.max(...rows)];
    const region = { x: 0, y: top, width: 950, height: bottom - top + 1 };
    await page.evaluate((line) => (window.probe.region = line), region);
    await page.keyboard.press("Control+u");
    await page.waitForTimeout(1000);
    return region;
}

export function playFilm(side) {
    writeFileSync(join(side.home, "play"), "");
    return () => rmSync(join(side.home, "play"));
}

export const FILM = { x: 300, y: 200, width: 960, height: 540 };
const ROWS = 16;
const ROW_PIXELS = 2048;

// film() of scenes.pl: RGBA.
function makeRows() {
    return Array.from({ length: ROWS }, (_, row) => {
        const pixels = new Uint8Array(ROW_PIXELS * 4);
        let seed = row * 7919 + 1;
        for (let i = 0; i < ROW_PIXELS; i++) {
            seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
            const grain = (seed >> 24) & 7;
            const light = 128 + 100 * Math.sin((i + row * 3) / 70);
            pixels.set([128 + 90 * Math.cos(i / 110) + grain, light + grain, light / 2 + grain, 255].map(Math.trunc), i * 4);
        }
        return pixels;
    });
}

const rows = makeRows();

// The first pixel of a line of a frame in its row.
const firstOf = (number, y) => Math.trunc(500 + 200 * Math.sin(number / 20 + y / 200) + number * 2) % 1000;
const rowOf = (number, y) => rows[(y + number) & 15];

// frame() of scenes.pl as RGBA.
export function filmFrame(number) {
    const pixels = new Uint8Array(FILM.width * FILM.height * 4);
    for (let y = 0; y < FILM.height; y++) {
        const from = firstOf(number, y) * 4;
        pixels.set(rowOf(number, y).subarray(from, from + FILM.width * 4), y * FILM.width * 4);
    }
    return pixels;
}

// The frame that a picture of the film comes nearest to, among the first `count`.
export function nearestFrame(picture, count) {
    let best = { error: Infinity, number: -1 };
    for (let number = 0; number < count; number++) {
        let error = 0;
        for (let y = 5; y < FILM.height; y += 29) {
            const row = rowOf(number, y);
            const from = firstOf(number, y);
            for (let x = 3; x < FILM.width; x += 37) {
                const difference = picture[(y * FILM.width + x) * 4 + 1] - row[(from + x) * 4 + 1];
                error += difference * difference;
            }
        }
        if (error < best.error) best = { error, number };
    }
    return best.number;
}

const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;
const SIDE = 8;
const STEP = 4;

const lumaOf = (rgba) => Float32Array.from({ length: rgba.length / 4 }, (_, i) => 0.299 * rgba[i * 4] + 0.587 * rgba[i * 4 + 1] + 0.114 * rgba[i * 4 + 2]);

// Structural similarity of two pictures' luma: the mean over windows of 8 x 8, every fourth pixel (Wang et al. 2004).
export function similarity(one, other, width, height) {
    const [a, b] = [lumaOf(one), lumaOf(other)];
    const n = SIDE * SIDE;
    let sum = 0;
    let windows = 0;
    for (let y = 0; y + SIDE <= height; y += STEP) {
        for (let x = 0; x + SIDE <= width; x += STEP, windows++) {
            let [sa, sb, saa, sbb, sab] = [0, 0, 0, 0, 0];
            for (let v = 0; v < SIDE; v++) {
                for (let i = (y + v) * width + x, end = i + SIDE; i < end; i++) {
                    sa += a[i];
                    sb += b[i];
                    saa += a[i] * a[i];
                    sbb += b[i] * b[i];
                    sab += a[i] * b[i];
                }
            }
            const [ma, mb] = [sa / n, sb / n];
            const [va, vb, vab] = [saa / n - ma * ma, sbb / n - mb * mb, sab / n - ma * mb];
            sum += ((2 * ma * mb + C1) * (2 * vab + C2)) / ((ma * ma + mb * mb + C1) * (va + vb + C2));
        }
    }
    return sum / windows;
}
