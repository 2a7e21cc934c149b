// The browser's microphone in the desktop: nothing before a click, what is said is what programs record, muted and turned off it is over. And
// what a template forbids has no control.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { control, launchBrowser, painted, showControls, signIn, typeText } from "../harness/browser.mjs";
import { openTerminal } from "../harness/desktop.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const SCREENSHOTS = process.env.SCREENSHOTS; // a directory for people who want to look
const TONE_HZ = 523;
const RATE = 48000;

let server;
let browser;
let page;
let directory;

// Short beeps: a tone without end is noise to a browser, which takes that out of what it hears.
function beeps(path) {
    const samples = RATE;
    const data = Buffer.alloc(44 + 2 * samples);
    data.write("RIFF\0\0\0\0WAVEfmt ", 0, "latin1");
    data.writeUInt32LE(36 + 2 * samples, 4);
    [16, 0x10001, RATE, 2 * RATE, 0x100002].forEach((value, i) => data.writeUInt32LE(value, 16 + 4 * i));
    data.write("data", 36);
    data.writeUInt32LE(2 * samples, 40);
    for (let i = 0; i < samples; i++) {
        const on = i % 12000 < 8000;
        data.writeInt16LE(on ? Math.round(15000 * Math.sin((2 * Math.PI * TONE_HZ * i) / RATE)) : 0, 44 + 2 * i);
    }
    writeFileSync(path, data);
}

before(async () => {
    directory = mkdtempSync(join(tmpdir(), "microphone-test-"));
    beeps(join(directory, "beeps.wav"));
    server = await startServer({
        env: {
            TEMPLATE_VOICE: "MICROPHONE=true",
            TEMPLATE_KIOSK: "SOUND=false CLIPBOARD_TO_SANDBOX_KB=0 CLIPBOARD_TO_BROWSER_KB=0 SHARING=view RECORDING=required DISPLAY_MAX_WIDTH=1024 DISPLAY_MAX_HEIGHT=600",
        },
    });
    browser = await launchBrowser([
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        `--use-file-for-fake-audio-capture=${join(directory, "beeps.wav")}`,
    ]);
    page = await (await browser.newContext()).newPage();
    await signIn(page, server.url, "admin", server.adminPassword);
});

after(async () => {
    await browser?.close();
    if (process.env.SHOW_LOG) console.log(server?.log);
    await server?.stop();
    if (directory) rmSync(directory, { recursive: true });
});

const canvas = () => page.getByLabel("Desktop", { exact: true });
const microphone = () => page.evaluate(() => window.desktopStatistics.microphone);
const microphoneIs = (state) => until(`a microphone that is ${state}`, async () => {
    const now = await microphone();
    assert.notEqual(now.state, "failed", now.detail);
    return now.state === state;
});
const button = (name) => page.getByRole("button", { name, exact: true, includeHidden: true });

async function look(name) {
    if (!SCREENSHOTS) return;
    mkdirSync(SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: `${SCREENSHOTS}/microphone-${name}.png` });
}

async function start(kind) {
    await page.getByLabel("Kind of desktop").selectOption({ label: kind });
    await page.getByRole("button", { name: "Start desktop" }).first().click();
    await canvas().waitFor();
    await painted(page, 1);
}

const home = () => {
    const homes = join(server.stateDir, "homes");
    return join(homes, readdirSync(homes).find((name) => !name.startsWith(".")));
};

// What a program of the sandbox records into a file of its home; the newest half second.
async function record() {
    await openTerminal(page, server);
    await typeText(page, "parec --raw --format=s16le --rate=48000 --channels=1 >voice.raw\n");
    const path = join(home(), "voice.raw");
    await until("something recorded", () => existsSync(path) && statSync(path).size > 0);
    return path;
}

function heardSince(path, from) {
    const bytes = readFileSync(path).subarray(from & ~1);
    return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~1)));
}

// By the usual distance of two waves, whatever gaps a busy machine makes; 0 for silence.
function toneOf(samples) {
    const waves = [];
    for (let i = 1; i < samples.length; i++) if (samples[i - 1] < 0 && samples[i] >= 0 && samples[i] - samples[i - 1] > 60) waves.push(i);
    const steps = waves.slice(1).map((wave, i) => wave - waves[i]).sort((a, b) => a - b);
    return steps.length < 50 ? 0 : RATE / steps[Math.floor(steps.length / 2)];
}

test("before a click nothing is captured or sent, and a click brings what is said", async () => {
    await start("Voice");
    const path = await record();
    assert.deepEqual(await microphone(), { state: "off", detail: "", packets: 0 });
    await control(page, "Turn microphone on");
    await microphoneIs("on");
    const from = statSync(path).size;
    await page.getByText("Microphone on", { exact: false }).first().waitFor();
    await look("on");
    await until("the tone", () => Math.abs(toneOf(heardSince(path, from)) - TONE_HZ) < 8);
});

test("muted nothing is sent, and unmuted it goes on", async () => {
    await page.getByRole("button", { name: "Mute", exact: true }).click();
    await microphoneIs("muted");
    await look("muted");
    const { packets } = await microphone();
    await page.getByRole("button", { name: "Unmute", exact: true }).click();
    await microphoneIs("on");
    assert.ok((await microphone()).packets - packets < 50);
    await until("more packets", async () => (await microphone()).packets > packets + 20);
});

test("it goes on with a new streamer", async () => {
    const { pid } = server.kill("sandbox-streamer");
    await until("another streamer", () => server.processes("sandbox-streamer").some((process) => process.pid !== pid));
    const path = join(home(), "voice.raw");
    const { packets } = await microphone();
    await until("packets", async () => (await microphone()).packets > packets + 50);
    const from = statSync(path).size;
    await until("the tone", () => Math.abs(toneOf(heardSince(path, from)) - TONE_HZ) < 8);
});

test("turned off it is over, and nothing runs for it", async () => {
    await control(page, "Turn microphone off");
    await microphoneIs("off");
    await until("the end of sandbox-sound", () => server.processes("sandbox-sound").length === 0);
    assert.equal(await page.getByText("Microphone on").count(), 0);
});

test("what a template forbids has no control, and is said where a kind is chosen", async () => {
    await page.goto(server.url);
    await page.getByLabel("Kind of desktop").selectOption({ label: "Kiosk" });
    await page.getByText("Recorded, no clipboard, no sound, shared for watching only, at most 1024 × 600").first().waitFor();
    await look("choice");
    await start("Kiosk");
    await button("Statistics").waitFor({ state: "attached" });
    await page.getByText("Recording", { exact: true }).waitFor();
    for (const name of ["Turn sound on", "Turn microphone on", "Clipboard", "Record"]) assert.equal(await button(name).count(), 0, name);
    const path = new URL(page.url()).pathname;
    await page.goto(server.url);
    await page.getByRole("article").first().waitFor();
    await look("cards");
    await page.goto(server.url + path);
    await painted(page, 1);
    await button("Share. Only you are watching").dispatchEvent("click");
    await page.getByRole("dialog").getByLabel("Permits").waitFor();
    assert.deepEqual(await page.getByLabel("Permits").locator("option").allTextContents(), ["Watching"]);
    await look("share");
    // On a phone the controls cover no mark.
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    await page.setViewportSize({ width: 390, height: 844 });
    await showControls(page);
    const [mark, controls] = await Promise.all([".recording-mark", ".toolbar-bar"].map((one) => page.locator(one).boundingBox()));
    await look("phone");
    assert.ok(mark.y >= controls.y + controls.height && mark.x + mark.width <= 390, JSON.stringify([mark, controls]));
});
