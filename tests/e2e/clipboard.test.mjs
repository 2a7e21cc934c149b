// The clipboard as people use it: copy on the desktop, paste here; copy here, paste on the desktop; text, pictures, and large ones.
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { control, launchBrowser, signIn, startDesktop, typeText } from "../harness/browser.mjs";
import { openTerminal } from "../harness/desktop.mjs";
import { differingPixels, readCanvas } from "../harness/framebuffer.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const SCREENSHOTS = process.env.SCREENSHOTS; // a directory for people who want to look
const LINE_PIXELS = 500;
const LARGE = 6 * 1024 * 1024;
const SOME = 400_000; // more than is on its way at once

let server;
let browser;
let page;
let home;

before(async () => {
    server = await startServer();
    browser = await launchBrowser();
    const context = await browser.newContext({ viewport: { width: 1100, height: 700 } });
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(server.url).origin });
    page = await context.newPage();
    await signIn(page, server.url, "admin", server.adminPassword);
    await startDesktop(page);
    const client = await server.adminClient();
    home = join(server.stateDir, "homes", (await client.request("GET", "/api/users/me")).body.id);
    await openTerminal(page, server);
});

after(async () => {
    await browser?.close();
    if (process.env.SHOW_LOG) console.log(server?.log);
    await server?.stop();
});

const focus = () => page.getByLabel("Desktop", { exact: true }).focus();
const run = (command) => typeText(page, `${command}\n`);
const clipboardText = () => page.evaluate(() => navigator.clipboard.readText());
const writeText = (text) => page.evaluate((value) => navigator.clipboard.writeText(value), text);

async function fileOf(name, length) {
    const path = join(home, name);
    await until(`the file ${name}`, () => existsSync(path) && statSync(path).size === length);
    return readFileSync(path);
}

// To a shell Ctrl+V is ^V, which quotes the next character.
async function pasteUnseen() {
    await page.keyboard.press("Control+KeyV");
    await page.keyboard.press("KeyX");
    await page.keyboard.press("Backspace");
}

// A picture of noise, as the browser itself writes it.
const makePicture = (side) =>
    page.evaluate(async (length) => {
        const canvas = new OffscreenCanvas(length, length);
        const context = canvas.getContext("2d");
        const image = context.createImageData(length, length);
        for (let i = 0; i < image.data.length; i++) image.data[i] = i % 4 === 3 ? 255 : Math.random() * 256;
        context.putImageData(image, 0, 0);
        const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
        let text = "";
        for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
        return btoa(text);
    }, side).then((base64) => Buffer.from(base64, "base64"));

test("text copied on the desktop is in the browser's clipboard, without asking", async () => {
    await run("printf '42 words' | xclip -selection clipboard");
    await until("the text", async () => (await clipboardText()) === "42 words");
});

test("text copied in the browser is pasted by the keys that paste, first time and every time", async () => {
    for (let i = 0; i < 5; i++) {
        await writeText(`echo "pasted ${i} ä€😀" > pasted${i}.txt`);
        await focus();
        const before = await readCanvas(page);
        await page.keyboard.press("Control+Shift+KeyV");
        // A terminal asks for the selection and goes on reading keys meanwhile.
        await until("the pasted line", async () => differingPixels(before, await readCanvas(page)) > LINE_PIXELS);
        await page.keyboard.press("Enter");
        const expected = `pasted ${i} ä€😀\n`;
        assert.equal((await fileOf(`pasted${i}.txt`, Buffer.byteLength(expected))).toString(), expected);
    }
});

test("6 MiB of text come out of the desktop and go back in, unchanged", async () => {
    const text = Array.from({ length: LARGE / 16 }, (_, i) => `${String(i).padStart(15)}\n`).join("");
    writeFileSync(join(home, "large.txt"), text);
    const start = performance.now();
    await run("xclip -selection clipboard large.txt");
    await until("all of it", async () => (await page.evaluate(() => navigator.clipboard.readText().then((all) => all.length))) === LARGE);
    assert.equal(await clipboardText(), text);
    const out = performance.now();
    await writeText(text.toLowerCase().replaceAll(" ", "_"));
    await focus();
    await pasteUnseen();
    await run("xclip -selection clipboard -o > back.txt");
    assert.equal((await fileOf("back.txt", LARGE)).toString(), text.replaceAll(" ", "_"));
    if (process.env.SHOW_LOG) console.log(`6 MiB: out ${Math.round(out - start)} ms, back ${Math.round(performance.now() - out)} ms`);
});

test("a picture goes both ways", async () => {
    const picture = await makePicture(700);
    writeFileSync(join(home, "in.png"), picture);
    await run("xclip -selection clipboard -t image/png in.png");
    // Browsers write pictures anew: the same pixels in other bytes.
    const size = () => page.evaluate(async () => {
        const [item] = await navigator.clipboard.read();
        if (!item.types.includes("image/png")) return 0;
        return (await createImageBitmap(await item.getType("image/png"))).width;
    });
    await until("the picture", async () => (await size()) === 700);
    await page.evaluate(async (base64) => {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        await navigator.clipboard.write([new ClipboardItem({ "image/png": new Blob([bytes], { type: "image/png" }) })]);
        dispatchEvent(new Event("blur")); // as if it came from another window
    }, (await makePicture(300)).toString("base64"));
    await focus();
    await pasteUnseen();
    await run("xclip -selection clipboard -t image/png -o > out.png; echo $? > out.done");
    await fileOf("out.done", 2);
    const out = readFileSync(join(home, "out.png"));
    assert.equal(out.subarray(1, 4).toString(), "PNG");
    assert.equal(out.readUInt32BE(16), 300);
});

test("the panel shows what was copied and what is permitted, and gives text by hand", async () => {
    await run("printf shown | xclip -selection clipboard");
    await control(page, "Clipboard");
    await until("the copied text", async () => (await page.getByLabel("Copied on the desktop").inputValue()) === "shown");
    assert.equal(await page.getByText("up to 32 MiB").count(), 2);
    await page.getByLabel("Text for the desktop").fill("by hand");
    if (SCREENSHOTS) await page.screenshot({ path: `${SCREENSHOTS}/clipboard.png` });
    await page.getByRole("button", { name: "Put on the desktop's clipboard" }).click();
    await page.getByLabel("Copied on the desktop").press("Escape");
    await run("xclip -selection clipboard -o > hand.txt");
    assert.equal((await fileOf("hand.txt", 7)).toString(), "by hand");
});

test("a text that is on its way when the streamer dies arrives all the same", async () => {
    const text = Array.from({ length: SOME / 16 }, (_, i) => `${String(i).padStart(15, ".")}\n`).join("");
    await control(page, "Clipboard");
    // A browser takes half a minute to type it.
    await page.getByLabel("Text for the desktop").evaluate((field, value) => {
        field.value = value;
        field.dispatchEvent(new Event("input"));
    }, text);
    const { pid } = server.kill("sandbox-streamer", "SIGSTOP");
    await page.getByRole("button", { name: "Put on the desktop's clipboard" }).click();
    await page.getByLabel("Sent").waitFor();
    process.kill(pid, "SIGKILL");
    await page.getByLabel("Sent").waitFor({ state: "detached" });
    await page.getByLabel("Copied on the desktop").press("Escape");
    await run("xclip -selection clipboard -o > anew.txt");
    assert.equal((await fileOf("anew.txt", SOME)).toString(), text);
});
