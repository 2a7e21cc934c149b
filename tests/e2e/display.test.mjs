// The display follows the browser's window: one pixel of the display for each of the screen, at any density; clicks hit the pixel they mean.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";

import { control, launchBrowser, signIn, startDesktop, typeText } from "../harness/browser.mjs";
import { CURSOR_COLOUR } from "../harness/desktop.mjs";
import { countColour, differingPixels, readCanvas, readFramebuffer } from "../harness/framebuffer.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const SCREENSHOTS = process.env.SCREENSHOTS; // a directory for people who want to look
const MENU_PIXELS = 1000;

let server;
let browser;
let state; // cookies of the signed-in user
let address; // of the desktop's page

before(async () => {
    server = await startServer({ DISPLAY_MAX_WIDTH: "3840", DISPLAY_MAX_HEIGHT: "2160" });
    browser = await launchBrowser();
    const context = await browser.newContext({ viewport: { width: 1024, height: 640 } });
    const page = await context.newPage();
    await signIn(page, server.url, "admin", server.adminPassword);
    await startDesktop(page);
    address = page.url();
    state = await context.storageState();
    await context.close();
});

after(async () => {
    await browser?.close();
    if (process.env.SHOW_LOG) console.log(server?.log);
    await server?.stop();
});

const canvas = (page) => page.getByLabel("Desktop", { exact: true });
const size = (page) => canvas(page).evaluate(({ width, height }) => ({ width, height }));

async function sizeIs(page, width, height) {
    await until(`a display of ${width} x ${height}`, async () => {
        const now = await size(page);
        return now.width === width && now.height === height;
    });
}

async function exact(page) {
    await until("a canvas equal to the X server's screen", async () => {
        const { width, height } = await size(page);
        return differingPixels(await readCanvas(page), readFramebuffer(server.process("Xvfb").pid, width, height)) === 0;
    });
}

async function look(page, name) {
    if (!SCREENSHOTS) return;
    mkdirSync(SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, scale: "device" });
}

// A page on the desktop at that density. Refresh tokens rotate, so the cookies are handed on.
async function open(viewport, deviceScaleFactor, work) {
    const context = await browser.newContext({ viewport, deviceScaleFactor, storageState: state });
    const page = await context.newPage();
    await page.goto(address);
    await page.waitForFunction(() => window.desktopStatistics?.framesPainted >= 1);
    try {
        await work(page);
    } finally {
        state = await context.storageState();
        await context.close();
    }
}

// The screen's pixels of the canvas are the display's: no resampling anywhere.
async function shownPixelForPixel(page) {
    const shown = await canvas(page).evaluate((element) => {
        const box = element.getBoundingClientRect();
        return [box.x, box.y, box.width, box.height].map((value) => value * devicePixelRatio);
    });
    const { width, height } = await size(page);
    for (const [i, expected] of [Math.round(shown[0]), Math.round(shown[1]), width, height].entries()) {
        assert.ok(Math.abs(shown[i] - expected) < 0.02, `${shown} for ${width} x ${height}`);
    }
}

for (const ratio of [1, 1.5, 2, 3]) {
    test(`at ${ratio} screen pixels per CSS pixel the display is the window, exact and sharp`, async () => {
        const viewport = { width: 901, height: 601 };
        await open(viewport, ratio, async (page) => {
            await sizeIs(page, Math.floor(901 * ratio), Math.floor(601 * ratio));
            await exact(page);
            await shownPixelForPixel(page);
            await look(page, `ratio-${ratio}`);
        });
    });
}

test("a click hits the pixel under the pointer, at any density", async () => {
    for (const ratio of [1, 1.5, 3]) {
        await open({ width: 800, height: 500 }, ratio, async (page) => {
            await sizeIs(page, Math.floor(800 * ratio), Math.floor(500 * ratio));
            await exact(page);
            const before = await readCanvas(page);
            const at = { x: 200.34, y: 150.67 };
            await page.mouse.click(at.x, at.y, { button: "right" });
            // The menu of the desktop opens with its top left corner there.
            await until("the menu", async () => differingPixels(before, await readCanvas(page)) > MENU_PIXELS);
            await exact(page);
            const { width } = await size(page);
            const now = await readCanvas(page);
            let left = Infinity;
            let top = Infinity;
            for (let i = 0; i < now.length / 4; i++) {
                if (now.readUInt32LE(i * 4) !== before.readUInt32LE(i * 4)) {
                    left = Math.min(left, i % width);
                    top = Math.min(top, Math.floor(i / width));
                }
            }
            const expected = [Math.floor(at.x * ratio), Math.floor(at.y * ratio)];
            assert.ok(Math.abs(left - expected[0]) <= 1 && Math.abs(top - expected[1]) <= 1, `${left},${top} for ${expected}`);
            await page.keyboard.press("Escape");
            await until("its end", async () => differingPixels(before, await readCanvas(page)) === 0);
        });
    }
});

test("the window's size is followed while it changes, panel and background with it", async () => {
    await open({ width: 700, height: 500 }, 1, async (page) => {
        for (let i = 0; i < 20; i++) await page.setViewportSize({ width: 700 + i * 13, height: 500 + i * 7 });
        await sizeIs(page, 947, 633);
        await exact(page);
        await page.setViewportSize({ width: 1280, height: 720 });
        await sizeIs(page, 1280, 720);
        const pixel = (pixels, x, y) => [...pixels.subarray((y * 1280 + x) * 4, (y * 1280 + x) * 4 + 3)];
        await until("the background in the far corner", async () => pixel(await readCanvas(page), 1270, 600).some((value) => value > 0x15));
        await until("the panel at the bottom", async () => {
            const now = await readCanvas(page);
            return pixel(now, 1240, 717).join() !== pixel(now, 1240, 670).join();
        });
        await exact(page);
        await look(page, "followed");
    });
});

test("4K: the largest display the template allows, and no larger one", async () => {
    await open({ width: 1920, height: 1080 }, 2, async (page) => {
        await sizeIs(page, 3840, 2160);
        await exact(page);
        await look(page, "4k");
    });
    await open({ width: 2000, height: 1200 }, 2, async (page) => {
        await sizeIs(page, 3840, 2160);
        await exact(page);
    });
});

test("programs started at scale 2 draw their text twice as large", async () => {
    await open({ width: 900, height: 600 }, 2, async (page) => {
        await sizeIs(page, 1800, 1200);
        await canvas(page).focus();
        await page.keyboard.press("Control+Alt+KeyT");
        await until("a terminal's cursor twice as large", async () => countColour(await readCanvas(page), CURSOR_COLOUR) >= 400);
        await typeText(page, "echo sharp text\n");
        await exact(page);
        await look(page, "terminal-2");
        await typeText(page, "exit\n");
    });
});

test("kept sizes: fit scales, actual shows scroll bars, and neither changes the display", async () => {
    await open({ width: 1000, height: 700 }, 1, async (page) => {
        await sizeIs(page, 1000, 700);
        const choose = async (name) => {
            await control(page, "Display size");
            await page.getByRole("menuitemradio", { name }).click();
        };
        await choose("Keep the size, fit the window");
        await page.setViewportSize({ width: 500, height: 350 });
        await until("a scaled picture", async () => (await canvas(page).boundingBox()).width === 500);
        await choose("Keep the size, pixel for pixel");
        await until("a picture larger than the window", async () => (await canvas(page).boundingBox()).width === 1000);
        assert.deepEqual(await size(page), { width: 1000, height: 700 });
        await choose("Follow the window");
        await sizeIs(page, 500, 350);
        await exact(page);
    });
});

test("full screen and back, the display with it", async () => {
    await open({ width: 640, height: 480 }, 1, async (page) => {
        await sizeIs(page, 640, 480);
        await control(page, "Full screen");
        await page.waitForFunction(() => document.fullscreenElement !== null);
        await until("a display of the screen's size", async () => {
            const { width, height } = await page.evaluate(() => ({ width: innerWidth, height: innerHeight }));
            const now = await size(page);
            return now.width === width && now.height === height;
        });
        await exact(page);
        await control(page, "Full screen");
        await page.waitForFunction(() => document.fullscreenElement === null);
        await sizeIs(page, 640, 480);
    });
});

test("of two viewers the display follows the one used last; the other one fits", async () => {
    await open({ width: 800, height: 600 }, 1, async (first) => {
        await sizeIs(first, 800, 600);
        const second = await first.context().newPage();
        await second.setViewportSize({ width: 640, height: 400 });
        await second.goto(address);
        await second.waitForFunction(() => window.desktopStatistics?.framesPainted >= 1);
        await sizeIs(second, 640, 400);
        await sizeIs(first, 640, 400);
        await exact(first);
        await exact(second);
        assert.equal((await canvas(first).boundingBox()).width, 800);
        await second.close();
    });
});
