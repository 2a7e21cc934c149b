// A browser without WebCodecs: a film and the screen around it reach the canvas through media source extensions, and end exact.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launchBrowser, signIn, startDesktop } from "../harness/browser.mjs";
import { openTerminal, playFilm } from "../harness/desktop.mjs";
import { differingPixels, readCanvas, readFramebuffer } from "../harness/framebuffer.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const WIDTH = 1366; // the display follows the window
const HEIGHT = 768;
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
    await openTerminal(page, server);
    const stop = await playFilm(page, home);
    const corner = (pixels) => pixels.readUInt32LE(((FILM_AREA.top + 100) * WIDTH + FILM_AREA.left + 100) * 4);
    const before = corner(await readCanvas(page));
    await until("another picture of the film on the canvas", async () => corner(await readCanvas(page)) !== before);
    stop();
    await exact();
    if (process.env.SHOW_LOG) console.log(await statistics());
    const { decoderFailures, connectionState } = await statistics();
    assert.equal(decoderFailures, 0);
    assert.equal(connectionState, "open");
});
