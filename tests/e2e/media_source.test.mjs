// A browser without WebCodecs: a film and the screen around it reach the canvas through media source extensions, and end exact.
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launchBrowser, signIn, startDesktop, typeText } from "../harness/browser.mjs";
import { countColour, differingPixels, readCanvas, readFramebuffer } from "../harness/framebuffer.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const WIDTH = 1366; // the display follows the window
const HEIGHT = 768;
const CURSOR_COLOUR = [0x88, 0xc0, 0xd0]; // cursorColor of sandbox/desktop/app-defaults/XTerm
const FILLED_CURSOR_PIXELS = 100; // its frame alone has about 50
const FILM = join(process.env.PROGRAMS, "libexec/sandbox-server/tests/moving_picture");
const FILM_AREA = { left: WIDTH - 960, top: HEIGHT - 540 - 40 };

let server;
let browser;
let page;
let home;

before(async () => {
    server = await startServer();
    browser = await launchBrowser();
    page = await browser.newPage({ viewport: { width: WIDTH, height: HEIGHT } });
    await page.addInitScript(() => {
        delete window.VideoDecoder;
    });
    const client = await server.adminClient();
    home = join(server.stateDir, "homes", (await client.request("GET", "/api/users/me")).body.id);
});

after(async () => {
    await browser?.close();
    if (process.env.SHOW_LOG) console.log(server?.log);
    await server?.stop();
});

const screen = () => readFramebuffer(server.process("Xvfb").pid, WIDTH, HEIGHT);
const exact = () =>
    until("a canvas equal to the X server's screen", async () => differingPixels(await readCanvas(page), screen()) === 0, 30000);
const statistics = () => page.evaluate(() => ({ ...window.desktopStatistics, stages: window.desktopStatistics.stages }));

test("the first picture comes through the other path, and the page says which", async () => {
    await signIn(page, server.url, "admin", server.adminPassword);
    await startDesktop(page);
    assert.equal((await statistics()).decodingPath, "Media Source");
    await exact();
});

test("a film plays, and ends exact", async () => {
    copyFileSync(FILM, join(home, "film"));
    chmodSync(join(home, "film"), 0o755);
    writeFileSync(join(home, "play"), "");
    await page.getByLabel("Desktop", { exact: true }).focus();
    await page.keyboard.press("Control+Alt+KeyT");
    await until("a filled cursor", async () => countColour(await readCanvas(page), CURSOR_COLOUR) >= FILLED_CURSOR_PIXELS);
    const video = () => page.evaluate(() => (window.desktopStatistics.lastFrame?.kind === "video" ? window.desktopStatistics.lastSequence : 0));
    await typeText(page, "./film &\n");
    const first = await until("video", video);
    await until("more of it", async () => (await video()) > first + 60);
    const corner = (pixels) => pixels.readUInt32LE(((FILM_AREA.top + 100) * WIDTH + FILM_AREA.left + 100) * 4);
    const before = corner(await readCanvas(page));
    await until("another picture of the film on the canvas", async () => corner(await readCanvas(page)) !== before);
    rmSync(join(home, "play"));
    await exact();
    if (process.env.SHOW_LOG) console.log(await statistics());
    const { decoderFailures, connectionState } = await statistics();
    assert.equal(decoderFailures, 0);
    assert.equal(connectionState, "open");
});
