// Keys, input methods, touch and the pointer as a browser reports them, and what a program of the desktop gets of them.
import assert from "node:assert/strict";
import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launchBrowser, signIn, startDesktop, typeText } from "../harness/browser.mjs";
import { openTerminal } from "../harness/desktop.mjs";
import { differingPixels, readCanvas } from "../harness/framebuffer.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const SHIFT = 8;
const MENU_PIXELS = 1000;

let server;
let browser;
let page;
let cdp;
let home;
let files = 0;

before(async () => {
    server = await startServer();
    browser = await launchBrowser();
    page = await (await browser.newContext({ viewport: { width: 1366, height: 768 }, hasTouch: true })).newPage();
    cdp = await page.context().newCDPSession(page);
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

test("a notch of the wheel scrolls a terminal by five lines, in parts or at once; two fingers do as well", async () => {
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
    // The text goes with the fingers, pixel by pixel.
    const fingers = async (way) => {
        const points = (moved) => [-20, 20].map((aside, id) => ({ x: box.x + x + 60 + aside, y: box.y + y + moved, id }));
        await cdp.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: points(0) });
        for (let moved = 0; moved <= 120; moved += 20) await cdp.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: points(moved * way) });
        await cdp.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    };
    await scrolled(10, () => fingers(1), () => fingers(1));
    await scrolled(-10, () => fingers(-1), () => fingers(-1));
    assert.equal(lines, 0);
});

// Where the desktop's own programs see the pointer.
async function pointerPlace() {
    const name = `place${files++}.txt`;
    await typeText(page, `python3 steer.py > .p; mv .p ${name}\n`);
    await until(name, () => existsSync(join(home, name)));
    return readFileSync(join(home, name), "utf8").split(" ").map(Number);
}

test("a locked pointer moves by steps, and the page tells the way out", async () => {
    copyFileSync(new URL("steer.py", import.meta.url), join(home, "steer.py"));
    const box = await canvas().boundingBox();
    await page.mouse.move(box.x + 400, box.y + 300);
    await openInputMenu();
    await page.getByText("Hold the mouse").click();
    await page.getByText("The mouse is held by the desktop").waitFor();
    const before = await pointerPlace();
    await page.mouse.move(box.x + 440, box.y + 325, { steps: 5 });
    const drawn = await page.locator(".desktop-cursor").boundingBox();
    const place = await pointerPlace();
    assert.notDeepEqual(place, before);
    await page.mouse.move(box.x + 470, box.y + 315, { steps: 3 });
    assert.deepEqual(await pointerPlace(), [place[0] + 30, place[1] - 10]);
    const now = await page.locator(".desktop-cursor").boundingBox();
    assert.deepEqual([now.x - drawn.x, now.y - drawn.y], [30, -10]);
    await page.keyboard.down("Control");
    await page.keyboard.down("Alt");
    await page.keyboard.down("Shift");
    await page.waitForFunction(() => document.pointerLockElement === null);
    for (const name of ["Shift", "Alt", "Control"]) await page.keyboard.up(name);
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
    const last = await page.evaluate(() => window.desktopStatistics.lastSequence);
    const killed = server.kill("sandbox-streamer");
    await until("another streamer", () => server.processes("sandbox-streamer").some(({ pid }) => pid !== killed.pid));
    // A frame alone may be the killed one's.
    await page.waitForFunction((before) => {
        const sequence = window.desktopStatistics?.lastSequence;
        return sequence > 0 && sequence < before;
    }, last);
    await page.keyboard.up("KeyX");
    await page.keyboard.up("Shift");
    await page.keyboard.press("Control+KeyU");
    assert.equal(await typedBy(() => page.keyboard.press("q")), "q");
});

test("a long text that is pasted into the text field arrives whole, and the connection stays", async () => {
    const line = Array.from({ length: 250 }, (_, i) => `${i} words`).join(" "); // more messages than the server takes at once, less than a terminal's longest line
    let connections = 0;
    page.on("websocket", () => connections++);
    await openInputMenu();
    await page.getByRole("menuitem", { name: "Type text" }).click();
    const field = page.getByLabel("Text to type");
    const text = await typedBy(async () => {
        await field.focus();
        await cdp.send("Input.insertText", { text: line });
        await canvas().focus();
    });
    assert.equal(text, line);
    assert.equal(connections, 0, "the server has closed the first one");
    await openInputMenu();
    await page.getByRole("menuitem", { name: "Hide the text field" }).click();
});

test("what is held is let go when the page loses the keyboard", async () => {
    const kinds = [];
    const spied = await page.context().newPage();
    spied.on("websocket", (socket) => socket.on("framesent", ({ payload }) => kinds.push(payload[0])));
    await spied.goto(page.url());
    await spied.waitForFunction(() => window.desktopStatistics?.framesPainted >= 1);
    await spied.getByLabel("Desktop", { exact: true }).focus();
    await spied.keyboard.down("Shift");
    await until("the key", () => kinds.includes(0x82));
    assert.ok(!kinds.includes(0x87));
    await spied.locator(".toolbar-handle").focus();
    await until("its release", () => kinds.includes(0x87));
    await spied.close();
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
    const before = await readCanvas(page);
    const menu = async () => differingPixels(before, await readCanvas(page)) > MENU_PIXELS;
    await cdp.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [point] });
    await until("the menu", menu);
    await cdp.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    assert.ok(await page.locator(".desktop-cursor").isVisible(), "under a finger the page draws the cursor");
    await page.touchscreen.tap(box.x + box.width * 0.5, box.y + box.height * 0.9);
    await until("its end by the tap beside it", async () => !(await menu()));
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

test("of a text that is too long the rest is told, and the way for it", async () => {
    await openInputMenu();
    await page.getByRole("menuitem", { name: "Type text" }).click();
    await page.getByLabel("Text to type").focus();
    await cdp.send("Input.insertText", { text: "x".repeat(10_005) });
    const notice = page.getByRole("alert").filter({ hasText: "not typed" });
    await notice.getByText("5 characters were not typed: it would take too long. The clipboard takes long texts at once.").waitFor();
    await notice.getByRole("button", { name: "Open the clipboard" }).click();
    await page.getByLabel("Text for the desktop").waitFor();
    assert.equal(await notice.count(), 0);
});
