// The main job as a person does it: sign in, start a desktop, work on it, come back to the files.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { framesPainted, launchBrowser, signIn, startDesktop, typeText } from "../harness/browser.mjs";
import { openTerminal } from "../harness/desktop.mjs";
import { differingPixels, readCanvas, readFramebuffer } from "../harness/framebuffer.mjs";
import { commandLine, isAlive } from "../harness/processes.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const WIDTH = 1366; // the display follows the window
const HEIGHT = 768;

let server;
let browser;
let page;
let home;

before(async () => {
    server = await startServer();
    browser = await launchBrowser();
    page = await browser.newPage({ viewport: { width: WIDTH, height: HEIGHT } });
});

after(async () => {
    await browser?.close();
    if (process.env.SHOW_LOG) console.log(server?.log);
    await server?.stop();
});

const canvas = () => page.getByLabel("Desktop", { exact: true });

const canvasEqualsScreen = () =>
    until(
        "a canvas equal to the X server's screen",
        async () => differingPixels(await readCanvas(page), readFramebuffer(server.process("Xvfb").pid, WIDTH, HEIGHT)) === 0,
    );

async function run(command) {
    await typeText(page, `${command}\n`);
}

async function fileInHome(name) {
    const path = join(home, name);
    await until(`the file ${name}`, () => existsSync(path) && readFileSync(path, "utf8").endsWith("\n"));
    return readFileSync(path, "utf8");
}

test("sign in and start a desktop", async () => {
    await signIn(page, server.url, "admin", server.adminPassword);
    await startDesktop(page);
    const client = await server.adminClient();
    const me = await client.request("GET", "/api/users/me");
    home = join(server.stateDir, "homes", me.body.id);
    assert.equal(await canvas().count(), 1);
});

test("the canvas shows the X server's screen, pixel for pixel once it is still", async () => {
    await canvasEqualsScreen();
});

test("what is typed reaches the terminal, its answer reaches the canvas and the home directory", async () => {
    await openTerminal(page, server);
    const before = await framesPainted(page);
    await run("echo hello-$((40+2)) > proof.txt");
    assert.equal(await fileInHome("proof.txt"), "hello-42\n");
    assert.ok((await framesPainted(page)) > before, "typing painted nothing");
    await canvasEqualsScreen();
});

test("the browser of the desktop opens a page in a sandbox of its own", async () => {
    const before = await readCanvas(page);
    await canvas().focus();
    await page.keyboard.press("Control+Alt+KeyB");
    await until("its window", async () => differingPixels(before, await readCanvas(page)) > 100000);
    const roles = () => server.processes("chromium").map(({ pid }) => commandLine(pid));
    await until("a page's process", () => roles().some((line) => line.includes("--type=renderer")));
    assert.ok(!roles().some((line) => line.includes("--no-sandbox")));
    await page.keyboard.press("Alt+F4");
    await until("its end", () => server.processes("chromium").length === 0);
});

test("the pointer opens the menu of the desktop", async () => {
    const before = await readCanvas(page);
    const box = await canvas().boundingBox();
    await page.mouse.click(box.x + box.width * 0.9, box.y + box.height * 0.5, { button: "right" });
    await until("the menu", async () => differingPixels(before, await readCanvas(page)) > 1000);
    await page.keyboard.press("Escape");
    // While it is open it takes the keys.
    await until("the end of the menu", async () => differingPixels(before, await readCanvas(page)) < 1000);
});

test("inside there is no way to the host's files, names and network", async () => {
    const look = "hostname; id -u; ls /home /root /etc/shadow /sys/class/net; grep Cap /proc/self/status";
    await run(`(${look}) > .inside 2>&1; mv .inside inside.txt`);
    const inside = await fileInHome("inside.txt");
    assert.match(inside, /^1000$/m);
    assert.match(inside, /^CapEff:\s+0{16}$/m);
    assert.match(inside, /^CapBnd:\s+0{16}$/m);
    assert.doesNotMatch(inside, /eth0|root:/);
});

test("nothing is sent while nothing changes", async () => {
    await canvasEqualsScreen();
    const bytes = () => page.evaluate(() => window.desktopStatistics.bytesReceived);
    // The prompt's clock and the panel's minute are all that could move: wait for a second in which nothing came.
    await until("a second without a byte", async () => {
        const first = await bytes();
        await page.waitForTimeout(1000);
        return (await bytes()) === first;
    });
});

test("kill -9 of the streamer: the picture returns within a second", async () => {
    const frames = await framesPainted(page);
    const killed = server.kill("sandbox-streamer");
    const start = performance.now();
    await page.waitForFunction((least) => window.desktopStatistics?.framesPainted !== least, frames);
    await until("another streamer", () => server.processes("sandbox-streamer").some(({ pid }) => pid !== killed.pid));
    assert.ok(!isAlive(killed));
    await canvasEqualsScreen();
    assert.ok(performance.now() - start < 5000, "the picture came back late");
});

test("kill -9 of sandbox-server: the same desktop is back without signing in again", async () => {
    const xvfb = server.process("Xvfb");
    const killed = server.kill("sandbox-server");
    await until("another sandbox-server", () => server.processes("sandbox-server").some(({ pid }) => pid !== killed.pid));
    await until("the same desktop", async () =>
        page.evaluate(() => window.desktopStatistics?.connectionState === "open" && window.desktopStatistics.framesPainted > 0),
    );
    await canvasEqualsScreen();
    assert.ok(isAlive(xvfb), "the sandbox did not live on");
    await run("echo still-here > after.txt");
    assert.equal(await fileInHome("after.txt"), "still-here\n");
});

test("stop from the page, start again, find the file", async () => {
    await page.goto(server.url);
    await page.getByRole("button", { name: "Stop" }).first().click();
    await page.getByRole("dialog").getByRole("button", { name: "Stop" }).click();
    await until("the end of the X server", () => server.processes("Xvfb").length === 0);
    await startDesktop(page);
    await openTerminal(page, server);
    await run("cat proof.txt after.txt > both.txt");
    assert.equal(await fileInHome("both.txt"), "hello-42\nstill-here\n");
});

test("kill -9 of the X server: the page says why the desktop ended", async () => {
    server.kill("Xvfb");
    await page.getByText(/display|X server/i).first().waitFor();
});
