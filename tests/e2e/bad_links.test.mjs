// The stream over bad links, in a real browser: the way is thin and long, goes dark and comes back; one viewer is slow and another is not.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { framesPainted, launchBrowser, signIn, startDesktop, typeText } from "../harness/browser.mjs";
import { openTerminal } from "../harness/desktop.mjs";
import { differingPixels, readCanvas, readFramebuffer } from "../harness/framebuffer.mjs";
import { Link } from "../harness/link.mjs";
import { freePort, startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const WIDTH = 1366; // the display follows the window
const HEIGHT = 768;
const IN_FLIGHT_MAX = 131072; // bytes of a thin way: what it holds, a key frame, and no seconds of pictures
const PATIENCE_MS = 60000; // bit-exactness takes its bytes
const QUEUE = 65536;

let server;
let browser;
let near; // a viewer beside the server
let far; // the same desktop over the link
let link;
let metricsPort;

before(async () => {
    metricsPort = await freePort();
    server = await startServer({ env: { METRICS_PORT: String(metricsPort) } });
    link = await Link.start([server.port], { upKbps: 2000, downKbps: 2000, roundTripMs: 80, queue: QUEUE });
    browser = await launchBrowser();
    const context = async () => (await browser.newContext({ viewport: { width: WIDTH, height: HEIGHT } })).newPage();
    near = await context();
    far = await context();
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
const canvas = (page) => page.getByLabel("Desktop", { exact: true });

// Lines of changing text, without end.
async function startMotion() {
    await openTerminal(near, server);
    await typeText(near, "while sleep 0.03 && [ ! -e stop ]; do head -c 1500 /dev/urandom | base64 -w 90; done\n");
}

// Not by a key: a shell between two commands may miss it.
async function stopMotion() {
    const client = await server.adminClient();
    writeFileSync(join(server.stateDir, "homes", (await client.request("GET", "/api/users/me")).body.id, "stop"), "");
}

async function moves(page) {
    const { lastSequence } = await statistics(page);
    await until("motion", async () => (await statistics(page)).lastSequence > lastSequence + 10);
}

test("a desktop is there over 2 Mbit/s and 80 ms, and becomes exact", async () => {
    await signIn(far, `http://localhost:${link.ports[0]}`, "admin", server.adminPassword);
    await far.goto(`http://localhost:${link.ports[0]}${new URL(near.url()).pathname}`);
    await far.waitForFunction(() => window.desktopStatistics?.framesPainted > 0);
    await exact(far);
});

test("a moving picture reaches a slow viewer with fewer bytes, and another viewer at its own pace", async () => {
    await startMotion();
    await moves(far);
    await moves(near);
    const look = async () => [await statistics(near), await statistics(far), await link.counters()];
    const before = await look();
    await until("what a quick viewer takes in a while", async () => (await statistics(near)).framesPainted > before[0].framesPainted + 200);
    const after = await look();
    const gained = (i, field) => after[i][field] - before[i][field];
    assert.ok(gained(0, "bytesReceived") > gained(1, "bytesReceived"), "the slow viewer's link slows the quick one");
    assert.ok(gained(1, "framesPainted") > 0);
    // The way's own queue is not filled with pictures that are old when they arrive.
    assert.ok(after[2].downQueued < IN_FLIGHT_MAX, `${after[2].downQueued} bytes queued`);
    const { streamer } = after[1];
    assert.ok(streamer.roundTrip >= 80000, `a round trip of ${streamer.roundTrip} µs`);
    await until("the streamer to have learned the way's rate", async () => (await statistics(far)).streamer.rate < 20000);
});

test("nothing piles up in the dark, and after it the picture is whole", async () => {
    await moves(far);
    await link.dark();
    const { down } = await link.counters();
    const sequence = (await statistics(far)).lastSequence;
    // Two thousand kbit/s for so long would be four times what may wait.
    const { framesPainted } = await statistics(near);
    await until("a while of motion", async () => (await statistics(near)).framesPainted > framesPainted + 100);
    const dark = await link.counters();
    assert.equal(dark.down, down);
    await stopMotion();
    await link.light();
    await exact(far);
    const after = await link.counters();
    assert.ok(after.down > down);
    assert.equal((await statistics(far)).connectionState, "open");
    assert.ok((await statistics(far)).lastSequence > sequence, "the stream began anew");
    assert.equal((await statistics(far)).decoderFailures, 0);
});

test("the statistics show the way, and a chord hides them again", async () => {
    await canvas(far).focus();
    await far.keyboard.press("Control+Alt+Shift+KeyS");
    const shown = far.getByLabel("Statistics", { exact: true }).and(far.locator("section"));
    await shown.getByText("Round trip").waitFor();
    for (const row of ["Painted", "Received", "Without loss", "Last", "Encoded", "On the way", "Decoded"]) await shown.getByText(row, { exact: true }).first().waitFor();
    await shown.getByText(/avc1\..*, WebCodecs/).waitFor();
    await far.keyboard.press("Control+Alt+Shift+KeyS");
    await shown.waitFor({ state: "detached" });
    const stages = await far.evaluate(() => window.desktopStatistics.stages);
    assert.deepEqual(Object.keys(stages), ["input", "waited", "converted", "encoded", "queued", "decoded", "painted"]);
    assert.ok(await far.evaluate(() => Object.isFrozen(window.desktopStatistics)));
});

test("the server counts what the streamers have sent", async () => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    const value = (sample) => Number(text.split("\n").find((line) => line.startsWith(`${sample} `))?.split(" ").at(-1));
    assert.ok(value('sandbox_server_stream_frames_total{kind="lossless"}') > 0, text);
    assert.ok(value('sandbox_server_stream_frames_total{kind="video"}') > 0);
    assert.ok(value("sandbox_server_stream_encode_seconds_count") > 0);
    assert.ok(value("sandbox_server_stream_input_seconds_count") > 0);
});
