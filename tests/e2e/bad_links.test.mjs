// The stream over bad links, in a real browser: the way is thin and long, goes dark and comes back; one viewer is slow and another is not.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { framesPainted, launchBrowser, signIn, startDesktop, typeText } from "../harness/browser.mjs";
import { countColour, differingPixels, readCanvas, readFramebuffer } from "../harness/framebuffer.mjs";
import { Link } from "../harness/link.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const WIDTH = 1920;
const HEIGHT = 1080;
const CURSOR_COLOUR = [0x88, 0xc0, 0xd0]; // cursorColor of sandbox/desktop/app-defaults/XTerm
const PATIENCE_MS = 60000; // bit-exactness takes its bytes
const QUEUE = 65536;

let server;
let browser;
let near; // a viewer beside the server
let far; // the same desktop over the link
let link;

// What the page has received and painted, counted outside of our client.
function countFrames() {
    window.frames_ = { bytes: 0, captured: 0 };
    const Plain = window.WebSocket;
    window.WebSocket = new Proxy(Plain, {
        construct(target, args, constructor) {
            const socket = Reflect.construct(target, args, constructor);
            socket.addEventListener("message", ({ data }) => {
                if (!(data instanceof ArrayBuffer)) return;
                window.frames_.bytes += data.byteLength;
            });
            return socket;
        },
    });
}

before(async () => {
    server = await startServer();
    link = await Link.start([server.port], { upKbps: 2000, downKbps: 2000, roundTripMs: 80, queue: QUEUE });
    browser = await launchBrowser();
    const context = async () => (await browser.newContext({ viewport: { width: 1366, height: 768 } })).newPage();
    near = await context();
    far = await context();
    await far.addInitScript(countFrames);
    await signIn(near, server.url, "admin", server.adminPassword);
    await startDesktop(near);
});

after(async () => {
    await browser?.close();
    await link?.stop();
    if (process.env.SHOW_LOG) console.log(server?.log);
    await server?.stop();
});

const screen = () => readFramebuffer(server.process("Xvfb").pid, WIDTH, HEIGHT);
const exact = (page) =>
    until("a canvas equal to the X server's screen", async () => differingPixels(await readCanvas(page), screen()) === 0, PATIENCE_MS);
const statistics = (page) => page.evaluate(() => ({ ...window.desktopStatistics }));

// Draws without end until a key ends it: lines of changing text, as fast as the terminal takes them.
const BUSY = "while ! read -t 0.02 -n 1; do seq $RANDOM 7 $((RANDOM+99999)) | head -60; done\n";

test("a desktop is there over 2 Mbit/s and 80 ms, and becomes exact", async () => {
    await signIn(far, `http://localhost:${link.ports[0]}`, "admin", server.adminPassword);
    await far.goto(`http://localhost:${link.ports[0]}${new URL(near.url()).pathname}`);
    await far.waitForFunction(() => window.desktopStatistics?.framesPainted > 0);
    await exact(far);
});
