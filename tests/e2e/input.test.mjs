// Keys, input methods, touch and the pointer as a browser reports them, and what a program of the desktop gets of them.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { framesPainted, launchBrowser, signIn, startDesktop, typeText } from "../harness/browser.mjs";
import { countColour, readCanvas } from "../harness/framebuffer.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const CURSOR_COLOUR = [0x88, 0xc0, 0xd0]; // cursorColor of sandbox/desktop/app-defaults/XTerm
const FILLED_CURSOR_PIXELS = 100; // its frame alone has about 50
const SHIFT = 8;

let server;
let browser;
let page;
let cdp;
let home;
let files = 0;

before(async () => {
    server = await startServer();
    browser = await launchBrowser();
    page = await browser.newPage({ viewport: { width: 1366, height: 768 }, hasTouch: true });
    cdp = await page.context().newCDPSession(page);
    await signIn(page, server.url, "admin", server.adminPassword);
    await startDesktop(page);
    const client = await server.adminClient();
    home = join(server.stateDir, "homes", (await client.request("GET", "/api/users/me")).body.id);
    await canvas().focus();
    await page.keyboard.press("Control+Alt+KeyT");
    await until("a terminal", () => server.processes("xterm").length > 0);
    await until("a filled cursor", async () => countColour(await readCanvas(page), CURSOR_COLOUR) >= FILLED_CURSOR_PIXELS);
});

after(async () => {
    await browser?.close();
    if (process.env.SHOW_LOG) console.log(server?.log);
    await server?.stop();
});

const canvas = () => page.getByLabel("Desktop", { exact: true });

async function openInputMenu() {
    await page.locator(".toolbar-handle").focus(); // the controls stay while the focus is in them
    await page.getByRole("button", { name: "Keyboard and pointer" }).click();
}

// What a program reads from its terminal while `act` goes on.
async function typedBy(act) {
    const name = `typed${files++}`;
    await typeText(page, `cat > ${name}; mv ${name} ${name}.txt\n`);
    await until("cat", () => server.processes("cat").length > 0);
    await act();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Control+KeyD");
    const path = join(home, `${name}.txt`);
    await until(path, () => existsSync(path));
    return readFileSync(path, "utf8").trimEnd();
}

// A key as a browser with another layout reports it.
async function key(code, text, { modifiers = 0, keyCode = text.toUpperCase().charCodeAt(0) } = {}) {
    const event = { code, key: text, windowsVirtualKeyCode: keyCode, modifiers };
    await cdp.send("Input.dispatchKeyEvent", { type: "keyDown", text, ...event });
    await cdp.send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
}

test("a German keyboard types what it shows on a desktop with a US layout", async () => {
    const text = await typedBy(async () => {
        await key("KeyY", "z");
        await key("KeyZ", "y");
        for (const [code, character] of [["Semicolon", "ö"], ["Quote", "ä"], ["BracketLeft", "ü"], ["Minus", "ß"]]) {
            await key(code, character);
        }
        await page.keyboard.down("Shift");
        await key("Digit7", "/", { modifiers: SHIFT });
        await key("KeyY", "Z", { modifiers: SHIFT });
        await key("Semicolon", "Ö", { modifiers: SHIFT });
        await page.keyboard.up("Shift");
        await key("KeyQ", "@");
    });
    assert.equal(text, "zyöäüß/ZÖ@");
});

test("text of input methods arrives, in order with keys before and after", async () => {
    const text = await typedBy(async () => {
        await page.keyboard.press("a");
        await cdp.send("Input.imeSetComposition", { text: "に", selectionStart: 1, selectionEnd: 1 });
        await cdp.send("Input.imeSetComposition", { text: "日本", selectionStart: 2, selectionEnd: 2 });
        await cdp.send("Input.insertText", { text: "日本" });
        await page.keyboard.press("b");
        await cdp.send("Input.insertText", { text: "😀é" });
        await page.keyboard.press("c");
    });
    assert.equal(text, "a日本b😀éc");
});

test("more different characters than there are spare keys", async () => {
    const characters = Array.from({ length: 48 }, (_, i) => String.fromCodePoint(0x4e00 + 7 * i)).join("");
    const text = await typedBy(() => cdp.send("Input.insertText", { text: characters }));
    assert.equal(text, characters);
});

test("Caps Lock of the browser and of the desktop are one", async () => {
    const text = await typedBy(async () => {
        await key("KeyA", "A"); // Caps Lock was pressed elsewhere: no Shift is held
        await key("KeyA", "a");
        await page.keyboard.press("b");
    });
    assert.equal(text, "Aab");
});

// The lines of a terminal by their colours: 20 to 219 of the 256, one each.
const LEVELS = [0, 95, 135, 175, 215, 255];
const LINES = new Map(Array.from({ length: 200 }, (_, i) => i + 20).map((colour) => {
    const [red, green, blue] = [36, 6, 1].map((step) => LEVELS[Math.floor((colour - 16) / step) % 6]);
    return [(red << 16) | (green << 8) | blue, colour];
}));
const LINE_PIXELS = 2000;

// The first and the last one that is shown, and a point of the display between them.
async function shownLines() {
    const pixels = await readCanvas(page);
    const width = await canvas().evaluate((element) => element.width);
    const found = new Map();
    for (let i = 0; i < pixels.length; i += 4) {
        const line = LINES.get((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]);
        if (line === undefined) continue;
        const of = found.get(line) ?? { count: 0, at: i / 4 };
        of.count++;
        found.set(line, of);
    }
    const lines = [...found].filter(([, { count }]) => count > LINE_PIXELS).sort(([a], [b]) => a - b);
    if (lines.length === 0) return { first: -1, last: -1 };
    const { at } = lines[Math.floor(lines.length / 2)][1];
    return { first: lines[0][0], last: lines.at(-1)[0], x: (at % width) + 5, y: Math.floor(at / width) + 2 };
}

test("a notch of the wheel scrolls a terminal by five lines, in parts or at once", async () => {
    await typeText(page, 'printf "\\033[48;5;%dm\\033[K\\033[m\\n" $(seq 20 219)\n');
    await until("the last line", async () => (await shownLines()).last === 219);
    const { first, last, x, y } = await shownLines();
    const box = await canvas().boundingBox();
    await page.mouse.move(box.x + x, box.y + y);
    // Playwright's wheel tells one notch, whatever its pixels; a touchpad's pixels are told by the events alone.
    const notch = (way) => page.mouse.wheel(0, way * 120);
    const pixels = (deltaY) =>
        canvas().dispatchEvent("wheel", { deltaY, deltaMode: 0, clientX: box.x + x, clientY: box.y + y, bubbles: true, cancelable: true });
    let lines = 0;
    const scrolled = async (by, ...turns) => {
        for (const turn of turns) await turn();
        lines += by;
        let now;
        await until(`${lines} lines back`, async () => (now = await shownLines()).first === first - lines).catch((error) => {
            throw new Error(`${error.message}: ${JSON.stringify(now)}, at first ${first} to ${last}`);
        });
    };
    const part = () => pixels(-30);
    await scrolled(5, () => notch(-1));
    await scrolled(15, () => notch(-1), () => notch(-1), () => notch(-1));
    await scrolled(5, part, part, part, part);
    // As whole notches: the way back would have to make up for what is left over.
    await scrolled(10, ...Array(8).fill(part));
    await scrolled(-5, () => notch(1));
    await scrolled(-30, () => pixels(350), () => pixels(380));
    assert.equal(lines, 0);
});

test("the chosen layout is the desktop's, also after the streamer is replaced", async () => {
    await openInputMenu();
    await page.getByLabel("The desktop's layout").selectOption("de");
    await page.keyboard.press("Escape");
    const layout = async () => {
        await canvas().focus();
        const name = `layout${files++}.txt`;
        await typeText(page, `setxkbmap -query > .l; mv .l ${name}\n`);
        await until(name, () => existsSync(join(home, name)));
        return /layout:\s+(\S+)/.exec(readFileSync(join(home, name), "utf8"))?.[1];
    };
    await until("the layout", async () => (await layout()) === "de");
    assert.equal(await typedBy(() => typeText(page, "yz-/@'{}")), "yz-/@'{}"); // a US keyboard on it
});

test("keys that a killed streamer held are released by the next", async () => {
    await page.keyboard.down("Shift");
    await page.keyboard.down("KeyX");
    const frames = await framesPainted(page);
    const killed = server.kill("sandbox-streamer");
    await until("another streamer", () => server.processes("sandbox-streamer").some(({ pid }) => pid !== killed.pid));
    await page.waitForFunction((before) => window.desktopStatistics?.framesPainted !== before, frames);
    await page.keyboard.up("KeyX");
    await page.keyboard.up("Shift");
    await page.keyboard.press("Control+KeyU");
    assert.equal(await typedBy(() => page.keyboard.press("q")), "q");
});

test("the key bar presses what browsers keep", async () => {
    await openInputMenu();
    await page.getByRole("menuitem", { name: "Key bar" }).click();
    const bar = page.getByRole("toolbar", { name: "Keys" });
    const text = await typedBy(async () => {
        await page.keyboard.press("x");
        await bar.getByRole("button", { name: "Ctrl" }).click();
        await page.keyboard.press("u"); // the line is killed, and Ctrl is let go
        await page.keyboard.press("u");
    });
    assert.equal(text, "u");
});

test("a finger's tap clicks, a long press opens the menu", async () => {
    const box = await canvas().boundingBox();
    const point = { x: box.x + box.width * 0.95, y: box.y + box.height * 0.6 };
    const pixels = async () => (await readCanvas(page)).toString("base64");
    const before = await pixels();
    await cdp.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [point] });
    await until("the menu", async () => (await pixels()) !== before);
    await cdp.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    assert.ok(await page.locator(".desktop-cursor").isVisible(), "under a finger the page draws the cursor");
    await page.touchscreen.tap(box.x + box.width * 0.5, box.y + box.height * 0.9);
    await page.keyboard.press("Escape");
    await page.mouse.move(point.x, point.y);
    assert.ok(!(await page.locator(".desktop-cursor").isVisible()), "a mouse has one of its own");
});

test("two fingers that part magnify the picture, and a point is still the same", async () => {
    const box = await canvas().boundingBox();
    const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    const fingers = (apart) => [
        { x: middle.x - apart, y: middle.y, id: 1 },
        { x: middle.x + apart, y: middle.y, id: 2 },
    ];
    await cdp.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: fingers(50) });
    for (let apart = 60; apart <= 100; apart += 10) {
        await cdp.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: fingers(apart) });
    }
    await cdp.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    const large = await canvas().boundingBox();
    assert.ok(large.width > box.width * 1.4, `${large.width} of ${box.width}`);
    assert.ok(Math.abs(large.x + large.width / 2 - middle.x) < 2);
});

test("a locked pointer moves by steps, and the page tells the way out", async () => {
    await openInputMenu();
    await page.getByText("Hold the mouse").click();
    await page.getByText("The mouse is held by the desktop").waitFor();
    await page.keyboard.down("Control");
    await page.keyboard.down("Alt");
    await page.keyboard.down("Shift");
    await page.waitForFunction(() => document.pointerLockElement === null);
    for (const name of ["Shift", "Alt", "Control"]) await page.keyboard.up(name);
});
