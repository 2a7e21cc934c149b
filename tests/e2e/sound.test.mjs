// The desktop's sound in the browser: asked for by a click, the tone that was played, in time with the picture, nothing while nothing sounds.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { control, launchBrowser, painted, signIn, startDesktop, typeText } from "../harness/browser.mjs";
import { openTerminal } from "../harness/desktop.mjs";
import { download, records } from "../harness/recording.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const SCREENSHOTS = process.env.SCREENSHOTS; // a directory for people who want to look
const TONE_HZ = 440;
const LOUD = -40; // dB of the analyser's peak
const LIPS_MS = 80;

let server;
let browser;
let page;

before(async () => {
    server = await startServer({ env: { RECORDING: "allowed" } });
    // As most people's: no sound without a gesture on this very page.
    browser = await launchBrowser(["--autoplay-policy=document-user-activation-required"]);
    page = await (await browser.newContext()).newPage();
    await signIn(page, server.url, "admin", server.adminPassword);
    await startDesktop(page);
    const homes = join(server.stateDir, "homes");
    const [home] = readdirSync(homes).filter((name) => !name.startsWith("."));
    copyFileSync(new URL("flash_and_beep.py", import.meta.url), join(homes, home, "flash_and_beep.py"));
});

after(async () => {
    await browser?.close();
    if (process.env.SHOW_LOG) console.log(server?.log);
    await server?.stop();
});

const sound = () => page.evaluate(() => window.desktopStatistics.sound);
const peak = () => page.evaluate(() => window.desktopStatistics.soundLook?.peak ?? null);
const level = () => page.evaluate(() => window.desktopStatistics.soundLook.level);
const canvas = () => page.getByLabel("Desktop", { exact: true });

// Starts the program beside the terminal.
async function play(words) {
    await typeText(page, `python3 flash_and_beep.py ${words} &\n`);
}

async function stopPlaying() {
    const before = server.processes("python3").length;
    assert.ok(before > 0);
    for (const { pid } of server.processes("python3")) process.kill(pid);
    await until("the program's end", () => server.processes("python3").length === 0);
}

async function look(name) {
    if (!SCREENSHOTS) return;
    mkdirSync(SCREENSHOTS, { recursive: true });
    await page.getByRole("toolbar", { name: "Controls" }).hover();
    await page.screenshot({ path: `${SCREENSHOTS}/sound-${name}.png` });
}

const soundIs = (state) => until(`sound that is ${state}`, async () => (await sound()).state === state);

async function heard(hertz) {
    await until(`${hertz} Hz`, async () => {
        const now = await peak();
        return now !== null && now.decibels > LOUD && Math.abs(now.hertz - hertz) < 4;
    });
}

// No packet comes for a second.
async function nothingIsSent() {
    let last = -1;
    let since = 0;
    await until("silence on the wire", async () => {
        const { packets } = await sound();
        if (packets !== last) since = performance.now();
        last = packets;
        return performance.now() - since > 1000;
    });
}

test("nothing is asked for, and nothing runs, before the control is pressed", async () => {
    await openTerminal(page, server);
    await play("tone");
    await until("the sound server", () => server.processes("pulseaudio").length === 1);
    assert.equal((await sound()).state, "off");
    assert.equal((await sound()).packets, 0);
    assert.equal(server.processes("sandbox-sound").length, 0);
});

test("a click brings the tone that is played", async () => {
    await look("off");
    await control(page, "Turn sound on");
    await soundIs("on");
    await heard(TONE_HZ);
    await look("on");
    const { gaps, targetMs } = await sound();
    assert.ok(gaps < 20 && targetMs <= 200, `${gaps} gaps, ${targetMs} ms`);
});

test("a new page waits for a click or key, as the browser wants it, and goes on", async () => {
    const old = page;
    page = await old.context().newPage();
    await page.goto(old.url());
    // The first question that Playwright puts to a page counts as a gesture: not before the page has tried to play.
    await until("another viewer", () => server.processes("sandbox-streamer").length === 2);
    await painted(page, 1);
    await old.close();
    await until("one viewer", () => server.processes("sandbox-streamer").length === 1);
    await soundIs("blocked");
    assert.equal((await sound()).packets, 0);
    await look("blocked");
    await canvas().click();
    await soundIs("on");
    await heard(TONE_HZ);
});

test("sound returns with a new streamer", async () => {
    const { pid } = server.kill("sandbox-streamer");
    await until("another streamer", () => server.processes("sandbox-streamer").some((process) => process.pid !== pid));
    const { packets } = await sound();
    await until("a second of sound", async () => (await sound()).packets > packets + 100);
    await heard(TONE_HZ);
});

test("nothing is sent while nothing sounds", async () => {
    await stopPlaying();
    await nothingIsSent();
    assert.equal(await level(), 0);
});

// Until so many flashes and their beeps were seen: how much later than its flash each beep began, by the page's own clock.
function watchFlashes(wanted) {
    return page.evaluate(async (count) => {
        const desktop = document.querySelector("canvas.desktop-canvas");
        const small = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
        const flashes = [];
        const beeps = [];
        const apart = () =>
            flashes
                .map((flash) => beeps.map((beep) => beep - flash).sort((a, b) => Math.abs(a) - Math.abs(b))[0])
                .filter((difference) => difference !== undefined && Math.abs(difference) < 400);
        let white = true;
        let loud = true;
        const end = performance.now() + 60_000;
        while (apart().length < count && performance.now() < end) {
            await new Promise((resolve) => setTimeout(resolve, 8));
            small.drawImage(desktop, desktop.width - 2, desktop.height / 2, 1, 1, 0, 0, 1, 1);
            const bright = small.getImageData(0, 0, 1, 1).data[0] > 128;
            const sounds = window.desktopStatistics.soundLook.level > 0.02;
            if (bright && !white) flashes.push(performance.now());
            if (sounds && !loud) beeps.push(performance.now());
            white = bright;
            loud = sounds;
        }
        return apart().sort((a, b) => a - b);
    }, wanted);
}

async function lipsAreInTime(wanted, when) {
    const apart = await watchFlashes(wanted);
    const { behindMs, targetMs } = await sound();
    console.log(`${when}: sound after picture, ms: ${apart.map(Math.round).join(" ")}; told: ${Math.round(behindMs)}; ready: ${targetMs}`);
    assert.equal(apart.length, wanted);
    const median = apart[Math.floor(wanted / 2)];
    assert.ok(Math.abs(median) <= LIPS_MS, `${when}: ${median} ms`);
}

test("a flash and its beep are one event, also while the processors are busy", async () => {
    await play("");
    await until("beeps", async () => (await level()) > 0.02);
    await lipsAreInTime(3, "as it is");
    const busy = cpus().map(() => spawn(process.execPath, ["-e", "for (;;);"]));
    try {
        await lipsAreInTime(7, "busy");
    } finally {
        busy.forEach((child) => child.kill("SIGKILL"));
    }
    await stopPlaying();
});

test("turned off, nothing is asked for", async () => {
    await play("tone");
    await heard(TONE_HZ);
    await control(page, "Turn sound off");
    await soundIs("off");
    await nothingIsSent();
    await until("the recorder's end", () => server.processes("sandbox-sound").length === 0);
    await stopPlaying();
});

test("what sounds is recorded, and heard again with the recording", async () => {
    await page.getByRole("button", { name: "Record", exact: true, includeHidden: true }).dispatchEvent("click");
    await page.getByText("Recording", { exact: true }).waitFor();
    await canvas().focus();
    await play("60");
    const directory = join(server.stateDir, "recordings");
    const packets = () => {
        const [account] = readdirSync(directory);
        const [file] = account ? readdirSync(join(directory, account)) : [];
        return file ? records(readFileSync(join(directory, account, file))).filter(({ message }) => message[0] === 0x07) : [];
    };
    const recorded = await until("sound in the file", () => { const found = packets(); return found.length > 120 && found; }, 60000);
    assert.ok(recorded.every(({ message }) => message.length > 12 && message.length <= 12 + 1275));
    await stopPlaying();
    await page.getByRole("button", { name: "Record", exact: true, includeHidden: true }).dispatchEvent("click");
    await page.getByText("Recording", { exact: true }).waitFor({ state: "detached" });
    const desktop = page.url();
    await page.addInitScript(() => {
        window.decodedPackets = 0;
        const decode = AudioDecoder.prototype.decode;
        AudioDecoder.prototype.decode = function (chunk) {
            window.decodedPackets++;
            return decode.call(this, chunk);
        };
    });
    await page.goto(`${server.url}/recordings`);
    await page.getByRole("link", { name: "Play" }).click();
    await page.getByRole("button", { name: "Play" }).click();
    await until("sound out of the recording", () => page.evaluate(() => window.decodedPackets > 20), 60000);
    assert.equal(await page.getByRole("alert").count(), 0);
    await page.goto(desktop);
    await painted(page, 1);
});

// When something begins, in seconds, of what is measured again and again.
function beginnings(samples, isOn) {
    return samples.filter((sample, i) => i > 0 && isOn(sample) && !isOn(samples[i - 1])).map(({ time }) => time);
}

function flashesOf(film) {
    const corner = ["-vf", "crop=2:2:iw-2:ih/2,scale=1:1,format=gray,showinfo", "-f", "null", "-"];
    const { stderr } = spawnSync("ffmpeg", ["-i", film, "-map", "0:v", ...corner], { encoding: "utf8", maxBuffer: 1 << 26 });
    const pictures = [...stderr.matchAll(/pts_time:([\d.]+).*mean:\[(\d+)/g)].map(([, time, bright]) => ({ time: Number(time), bright: Number(bright) }));
    return beginnings(pictures, ({ bright }) => bright > 128);
}

function beepsOf(film) {
    const bytes = execFileSync("ffmpeg", ["-v", "error", "-i", film, "-map", "0:a", "-f", "s16le", "-ac", "1", "-ar", "48000", "-"], { maxBuffer: 1 << 27 });
    const blocks = Array.from({ length: Math.floor(bytes.length / 480) }, (_, i) => {
        let peak = 0;
        for (let k = 0; k < 240; k++) peak = Math.max(peak, Math.abs(bytes.readInt16LE(480 * i + 2 * k)));
        return { time: i / 200, peak };
    });
    return beginnings(blocks, ({ peak }) => peak > 1000);
}

test("in the film of it sound and picture are one event, and a browser plays both", async (t) => {
    const client = await server.adminClient();
    const { id } = (await client.request("GET", "/api/recordings")).body.items[0];
    assert.ok([200, 202].includes((await client.request("POST", `/api/recordings/${id}/mp4`)).status));
    await until("the film", async () => (await client.request("GET", `/api/recordings/${id}/mp4`)).body.state === "ready", 60000);
    const bytes = await download(server.url, client.token, `/api/recordings/${id}/mp4/data`);
    const directory = mkdtempSync(join(tmpdir(), "film-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const film = join(directory, "film.mp4");
    writeFileSync(film, bytes);
    const [flashes, beeps] = [flashesOf(film), beepsOf(film)];
    const apart = flashes
        .map((flash) => beeps.map((beep) => (beep - flash) * 1000).sort((a, b) => Math.abs(a) - Math.abs(b))[0])
        .filter((difference) => Math.abs(difference) < 400)
        .sort((a, b) => a - b);
    console.log(`film: sound after picture, ms: ${apart.map(Math.round).join(" ")}`);
    assert.ok(apart.length >= 3, `${flashes} | ${beeps}`);
    const median = apart[Math.floor(apart.length / 2)];
    assert.ok(Math.abs(median) <= LIPS_MS, `${median} ms`);
    const player = await browser.newPage();
    await player.setContent(`<video muted src="data:video/mp4;base64,${bytes.toString("base64")}"></video>`);
    const decoded = () => player.evaluate(() => { const { webkitAudioDecodedByteCount: sound, webkitVideoDecodedByteCount: picture } = document.querySelector("video"); return sound > 0 && picture > 0; });
    await player.evaluate(() => void document.querySelector("video").play());
    await until("both tracks out of the film", decoded);
    assert.equal(await player.evaluate(() => document.querySelector("video").error), null);
    await player.close();
});

test("a browser without a decoder for sound says so", async () => {
    await page.addInitScript(() => Reflect.deleteProperty(window, "AudioDecoder"));
    await page.reload();
    await painted(page, 1);
    await page.getByRole("toolbar", { name: "Controls" }).hover();
    assert.ok(await page.getByRole("button", { name: "This browser can't play the desktop's sound" }).isDisabled());
});
