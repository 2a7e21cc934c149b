// A person records a desktop, sees that it is recorded, and watches it later, from any place.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launchBrowser, signIn, startDesktop, typeText } from "../harness/browser.mjs";
import { records } from "../harness/recording.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const TERMINAL = [0x88, 0xc0, 0xd0]; // cursorColor of sandbox/desktop/app-defaults/XTerm

let server;
let browser;
let page;

before(async () => {
    server = await startServer({ env: { RECORDING: "allowed" } });
    browser = await launchBrowser();
    page = await browser.newPage({ viewport: { width: 1366, height: 768 } });
});

after(async () => {
    await browser?.close();
    if (process.env.SHOW_LOG) console.log(server?.log);
    await server?.stop();
});

const shot = async (name) => process.env.SHOTS && page.screenshot({ path: `${process.env.SHOTS}/${name}.png` });

// The controls hide by themselves: what matters here is the button.
const record = () => page.getByRole("button", { name: "Record", exact: true, includeHidden: true }).dispatchEvent("click");

// Where a canvas shows the terminal's cursor, filled or not; -1 without a picture.
const cursorPixels = (label) =>
    page.getByLabel(label, { exact: true }).evaluate((canvas, [red, green, blue]) => {
        if (canvas.width < 100) return -1;
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let i = 0; i < data.length; i += 4) count += data[i] === red && data[i + 1] === green && data[i + 2] === blue;
        return count;
    }, TERMINAL);

const terminalShows = async (label = "Recorded desktop") => (await cursorPixels(label)) > 20;

test("it is recorded while everybody sees so", async () => {
    await signIn(page, server.url, "admin", server.adminPassword);
    await startDesktop(page);
    assert.equal(await page.getByText("Recording", { exact: true }).count(), 0);
    await record();
    await page.getByText("Recording", { exact: true }).waitFor();
    await shot("recording-mark");
    await page.getByLabel("Desktop", { exact: true }).focus();
    await page.keyboard.press("Control+Alt+KeyT");
    await until("a terminal", () => terminalShows("Desktop"));
    const box = await page.getByLabel("Desktop", { exact: true }).boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    const home = join(server.stateDir, "homes", (await (await server.adminClient()).request("GET", "/api/users/me")).body.id);
    copyFileSync(new URL("steer.py", import.meta.url), join(home, "steer.py"));
    // The recorder has a stream of its own: what it has taken a picture of after now shows the terminal too.
    const now = process.hrtime.bigint() / 1000n; // CLOCK_MONOTONIC, as `captured`
    const [account] = readdirSync(join(server.stateDir, "recordings"));
    const directory = join(server.stateDir, "recordings", account);
    const frames = () => records(readFileSync(join(directory, readdirSync(directory)[0]))).filter(({ message }) => message[0] >= 2 && message[0] <= 4);
    await until("the terminal in the file", async () => {
        await page.keyboard.press("x");
        return frames().some(({ message }) => message.readBigUInt64LE(12) > now);
    }, 60000);
    // A program moves the pointer: that is seen too.
    await page.keyboard.press("Control+KeyU");
    await typeText(page, "python3 steer.py 321 234\n");
    const places = () =>
        records(readFileSync(join(directory, readdirSync(directory)[0])))
            .filter(({ message }) => message[0] === 0x40)
            .map(({ message }) => [message.readUInt16LE(4), message.readUInt16LE(6)].join());
    await until("the pointer in the file", () => places().at(-1) === "321,234", 60000);
    await record();
    await page.getByText("Recording", { exact: true }).waitFor({ state: "detached" });
});

test("it plays from the begin and from any place", async () => {
    await page.goto(`${server.url}/recordings`);
    await page.getByRole("link", { name: "Play" }).waitFor();
    await shot("recordings");
    await page.getByRole("link", { name: "Play" }).click();
    const position = page.getByLabel("Position");
    await until("a picture", async () => (await cursorPixels("Recorded desktop")) >= 0);
    const end = Number(await position.getAttribute("max"));
    assert.ok(end > 0, `${end} ms`);
    await position.fill(String(end));
    await until("the terminal at the end", () => terminalShows());
    await page.locator(".desktop-cursor").waitFor({ state: "visible" });
    await shot("player");
    await position.fill("0");
    await until("no terminal at the begin", async () => !(await terminalShows()));
    await page.getByRole("button", { name: "Play" }).click();
    await until("the terminal again", () => terminalShows());
    await page.getByRole("button", { name: "Play" }).waitFor();
    assert.equal(await page.getByRole("alert").count(), 0);
    await page.setViewportSize({ width: 390, height: 844 });
    const time = await page.locator(".player-time").boundingBox();
    await shot("player-phone");
    assert.ok(time.x + time.width <= 390, `${time.x + time.width} of 390`);
    await page.setViewportSize({ width: 1366, height: 768 });
});

test("it is downloaded as a film", async () => {
    await page.goto(`${server.url}/recordings`);
    const row = page.getByRole("listitem");
    const [download] = await Promise.all([page.waitForEvent("download"), row.getByRole("button", { name: "Download MP4" }).click()]);
    assert.match(download.suggestedFilename(), /^Desktop \d{4}-\d\d-\d\d \d\d\.\d\d\.mp4$/);
    const file = await download.path();
    const probed = JSON.parse(execFileSync("ffprobe", ["-v", "error", "-count_frames", "-show_streams", "-of", "json", file], { encoding: "utf8" }));
    const [video] = probed.streams;
    assert.equal(video.codec_name, "h264");
    assert.ok(Number(video.nb_read_frames) > 1 && video.nb_read_frames === video.nb_frames);
    await row.getByRole("button", { name: "Download MP4" }).waitFor();
    assert.equal(await page.getByRole("alert").count(), 0);
});

test("deleted, it is gone", async () => {
    await page.goto(`${server.url}/recordings`);
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("There are none.").waitFor();
});
