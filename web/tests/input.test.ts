import assert from "node:assert/strict";
import { test } from "node:test";
import { Store } from "../src/app/store";
import { followRights } from "../src/desktop/rights";
import { START } from "../src/desktop/session";
import { displayPoint, fit } from "../src/input/geometry";
import { Keyboard } from "../src/input/keyboard";
import { linuxCode } from "../src/input/keymap";
import { PacedSend } from "../src/input/paced";
import { parsePreferences } from "../src/input/preferences";
import { InputSender } from "../src/input/sender";
import { ANCHOR, typedBetween } from "../src/input/soft-keyboard";
import { unitsOf, WheelAccumulator, type WheelLike } from "../src/input/wheel";
import { holdTimers } from "./timers";

test("keys are named by their place", () => {
    const expected = { Escape: 1, KeyA: 30, KeyZ: 44, Space: 57, Enter: 28, ArrowLeft: 105, AltRight: 100, F12: 88 };
    for (const [code, value] of Object.entries(expected)) {
        assert.equal(linuxCode(code), value);
    }
    for (const code of ["", "Unidentified", "constructor", "__proto__", "Fn"]) {
        assert.equal(linuxCode(code), null);
    }
});

test("a picture of the box's own size is shown one to one", () => {
    const box = { width: 1366, height: 768 };
    assert.deepEqual(fit(box, box, 1), { x: 0, y: 0, ...box });
    assert.deepEqual(fit({ width: 2732, height: 1536 }, box, 2), { x: 0, y: 0, ...box });
});

test("a picture fits inside any box, centred, its shape kept", () => {
    for (const [width, height, ratio] of [[820, 1180, 2], [1366, 768, 1], [390, 844, 3], [1001, 333, 1.25]] as const) {
        const spot = fit({ width: 1920, height: 1080 }, { width, height }, ratio);
        assert.ok(spot.x >= 0 && spot.y >= 0);
        assert.ok(spot.x + spot.width <= width + 1e-9 && spot.y + spot.height <= height + 1e-9);
        assert.ok(Math.abs(spot.width / spot.height - 16 / 9) < 0.02);
        assert.ok(Math.abs(spot.x - (width - spot.x - spot.width)) <= 2 / ratio);
    }
});

test("each corner pixel of the display can be pointed at, and nothing beyond", () => {
    const display = { width: 1920, height: 1080 };
    const picture = { x: 43, y: 0, width: 1280, height: 720 };
    assert.deepEqual(displayPoint(43, 0, picture, display), { x: 0, y: 0 });
    assert.deepEqual(displayPoint(43 + 1279.9, 719.9, picture, display), { x: 1919, y: 1079 });
    assert.deepEqual(displayPoint(-50, -50, picture, display), { x: 0, y: 0 });
    assert.deepEqual(displayPoint(5000, 5000, picture, display), { x: 1919, y: 1079 });
});

test("without scaling a position is its pixel", () => {
    const display = { width: 800, height: 600 };
    const picture = { x: 10, y: 20, ...display };
    for (let i = 0; i < 600; i += 37) {
        assert.deepEqual(displayPoint(10 + i, 20 + i, picture, display), { x: i, y: i });
    }
});

const wheelEvent = (deltaY: number, more: Partial<WheelLike> = {}): WheelLike => ({ deltaMode: 0, deltaX: 0, deltaY, ...more });

test("a notch of a wheel is one notch in the desktop, whatever a browser makes of it", () => {
    const notches: WheelLike[] = [
        wheelEvent(100, { wheelDeltaY: -120 }), // Chromium, Windows
        wheelEvent(120, { wheelDeltaY: -120 }), // Chromium, Linux
        wheelEvent(53, { wheelDeltaY: -120 }), // Chromium, Linux, earlier
        wheelEvent(80, { wheelDeltaY: -120 }), // at another zoom
        wheelEvent(3, { deltaMode: 1 }), // Firefox
        wheelEvent(1, { deltaMode: 2 }), // a page
    ];
    for (const event of notches) {
        assert.deepEqual(unitsOf(event), { horizontal: 0, vertical: 120 });
    }
    assert.deepEqual(unitsOf(wheelEvent(0, { deltaX: -200, wheelDeltaX: 240, wheelDeltaY: 0 })), { horizontal: -240, vertical: 0 });
});

test("a touchpad's pixels are as many pixels in the desktop, in each browser's sequence of them", () => {
    const chromium = [1, 4, 12, 40, 40.5, 26, 9.25, 3, 1].map((delta) => wheelEvent(delta, { wheelDeltaY: -3 * delta }));
    const safari = [1, 3, 11, 40, 80, 33, 12, 4, 1].map((delta) => wheelEvent(delta, { wheelDeltaY: -3 * delta }));
    const firefox = [0.5, 2, 7.75, 30, 60, 22, 6, 1].map((delta) => wheelEvent(delta));
    for (const events of [chromium, safari, firefox]) {
        const wheel = new WheelAccumulator();
        let sum = 0;
        for (const event of events) {
            wheel.add(unitsOf(event));
            sum += wheel.take()?.vertical ?? 0;
        }
        const pixels = events.reduce((total, { deltaY }) => total + deltaY, 0);
        assert.ok(Math.abs(sum - pixels) < 1, `${sum} units for ${pixels} pixels`);
    }
});

test("Firefox tells lines to who asks for the mode first", () => {
    let asked = false;
    const event = {
        get deltaMode() {
            asked = true;
            return 1;
        },
        deltaX: 0,
        get deltaY() {
            return asked ? 3 : 57;
        },
    };
    assert.equal(unitsOf(event).vertical, 120);
});

test("slow movement adds up, much is cut, and what was not sent is owed", () => {
    const wheel = new WheelAccumulator();
    wheel.add({ horizontal: -0.4, vertical: 0 });
    assert.equal(wheel.take(), null);
    wheel.add({ horizontal: -0.6, vertical: 0 });
    assert.deepEqual(wheel.take(), { horizontal: -1, vertical: 0 });
    wheel.add({ horizontal: 0, vertical: 1e9 });
    assert.equal(wheel.take()?.vertical, 0x7fff);
    wheel.reset();
    wheel.putBack({ horizontal: 0, vertical: 240 });
    wheel.add({ horizontal: 0, vertical: 0.5 });
    assert.deepEqual(wheel.take(), { horizontal: 0, vertical: 240 });
    wheel.putBack({ horizontal: 5, vertical: -0x7fff });
    assert.deepEqual(wheel.take(), { horizontal: 5, vertical: -1200 });
});

function record() {
    const sent: number[][] = [];
    const link = { open: true };
    const sender = new InputSender((message) => {
        if (link.open) {
            sent.push([...new Uint8Array(message)]);
        }
        return link.open;
    });
    return { sent, sender, link };
}

test("input numbers rise by 1 and start at 1 with a new connection", () => {
    const { sent, sender } = record();
    sender.key(30, true);
    sender.pointer({ x: 1, y: 2 });
    sender.text("né");
    assert.deepEqual(sent.map((message) => message[4]), [1, 2, 3, 4]);
    sender.restart();
    sender.key(30, true);
    assert.equal(sent.at(-1)?.[4], 1);
});

test("only changes of keys and buttons are sent", () => {
    const { sent, sender } = record();
    sender.key(30, true);
    sender.key(30, true);
    sender.key(31, false);
    sender.button({ x: 0, y: 0 }, 1, true);
    sender.button({ x: 0, y: 0 }, 1, true);
    assert.equal(sent.length, 2);
});

test("everything held is released once, and nothing is sent when nothing is held", () => {
    const { sent, sender } = record();
    sender.releaseAll();
    assert.equal(sent.length, 0);
    sender.key(42, true);
    sender.releaseAll();
    sender.releaseAll();
    assert.deepEqual(sent.map((message) => message[0]), [0x82, 0x87]);
});

test("a chord is pressed in order and released in reverse", () => {
    const { sent, sender } = record();
    sender.chord([29, 56, 111]);
    assert.deepEqual(sent.map((message) => [message[8], message[10]]),
        [[29, 1], [56, 1], [111, 1], [111, 0], [56, 0], [29, 0]]);
});

test("what could not be sent does not count as held", () => {
    const { sent, sender, link } = record();
    link.open = false;
    sender.key(30, true);
    link.open = true;
    sender.key(30, false);
    assert.equal(sent.length, 0);
});

test("a soft keyboard's corrections become deletions and text", () => {
    const typed = (before: string, after: string) => typedBetween(ANCHOR + before, ANCHOR + after);
    assert.deepEqual(typed("a", "ab"), { deletions: 0, text: "b" });
    assert.deepEqual(typed("teh", "the"), { deletions: 2, text: "he" });
    assert.deepEqual(typed("x😀", "x"), { deletions: 1, text: "" });
    assert.deepEqual(typed("", "😀é"), { deletions: 0, text: "😀é" });
});

test("Backspace in an empty field is one, and replacing everything deletes the visible text alone", () => {
    assert.deepEqual(typedBetween(ANCHOR, ""), { deletions: 1, text: "" });
    assert.deepEqual(typedBetween(ANCHOR + "old", "new"), { deletions: 3, text: "new" });
    assert.deepEqual(typedBetween(ANCHOR + "old", ""), { deletions: 3, text: "" });
});

test("a long text leaves no faster than the server takes it, what follows behind it, and stale motion not at all", (context) => {
    const ring = holdTimers(context);
    let now = 0;
    context.mock.method(performance, "now", () => now);
    const { sent, link } = record();
    const paced = new PacedSend((message) => {
        if (link.open) {
            sent.push([...new Uint8Array(message)]);
        }
        return link.open;
    }, () => assert.fail("there is room"));
    const sender = new InputSender((message, fleeting) => paced.send(message, fleeting));
    sender.text("x".repeat(3000));
    sender.key(28, true);
    assert.equal(sender.pointer({ x: 1, y: 2 }), false);
    for (let seconds = 0; sent.length < 3001; seconds++) {
        assert.ok(Math.abs(sent.length - (1000 + 500 * seconds)) <= 1, `${sent.length} in ${seconds} s`);
        for (let i = 0; i < 50; i++) {
            now += 20;
            ring();
        }
    }
    assert.deepEqual(sent.map((message) => message[4]! + 256 * message[5]!), Array.from({ length: 3001 }, (_, i) => i + 1));
    assert.equal(sent.at(-1)![0], 0x82);
    assert.equal(sender.pointer({ x: 1, y: 2 }), true);
});

test("what waits for a connection that is gone is not sent on the next", (context) => {
    const ring = holdTimers(context);
    let now = 0;
    context.mock.method(performance, "now", () => now);
    let sent = 0;
    const paced = new PacedSend(() => ++sent > 0, () => assert.fail("there is room"));
    for (let i = 0; i < 1100; i++) {
        paced.send(new ArrayBuffer(4), false);
    }
    assert.equal(sent, 1000);
    paced.restart();
    now = 1000;
    ring();
    assert.equal(sent, 1000);
    assert.ok(paced.send(new ArrayBuffer(4), false));
    assert.equal(sent, 1001);
});

test("a text that waits when control goes is not typed when it comes back, and what is held is released", (context) => {
    const ring = holdTimers(context);
    let now = 0;
    context.mock.method(performance, "now", () => now);
    const kinds: number[] = [];
    const paced = new PacedSend((message) => kinds.push(new DataView(message).getUint8(0)) > 0, () => assert.fail("there is room"));
    const sender = new InputSender((message, fleeting) => paced.send(message, fleeting));
    const keyboard = new Keyboard(sender, () => parsePreferences(null), "other", () => undefined);
    const state = new Store(START);
    let unlocked = 0;
    followRights(state, { paced, keyboard, pointerLock: { end: () => unlocked++ }, microphone: { stop: () => undefined } });
    sender.key(42, true);
    sender.text("x".repeat(3000));
    state.patch({ recording: { mode: "off", on: true, failed: false } });
    now = 20;
    ring();
    assert.equal(kinds.length, 1010, "only a change of the access drops it");
    state.patch({ access: "view" });
    state.patch({ access: "control" });
    now = 10_000;
    ring();
    assert.deepEqual(kinds.slice(1010), [0x87]);
    assert.equal(unlocked, 2);
});

test("of a text that is too long the rest is left out, and told", () => {
    const { sent, sender } = record();
    const cut: number[] = [];
    sender.onCut = (characters) => cut.push(characters);
    sender.text("😀".repeat(10_000));
    assert.deepEqual(cut, []);
    sender.text("x".repeat(15_000));
    assert.deepEqual(cut, [5_000]);
    assert.equal(sent.length, 20_000);
});

test("where too much waits a press and a text are refused and told, what ends a press never", (context) => {
    const ring = holdTimers(context);
    let now = 0;
    context.mock.method(performance, "now", () => now);
    const kinds: number[] = [];
    let refused = 0;
    const paced = new PacedSend((message) => kinds.push(new DataView(message).getUint8(0)) > 0, () => refused++);
    const sender = new InputSender((message, fleeting) => paced.send(message, fleeting));
    sender.key(42, true);
    sender.key(29, true);
    sender.button({ x: 0, y: 0 }, 1, true);
    for (let i = 0; i < 3; i++) {
        sender.text("x".repeat(10_000));
    }
    assert.equal(refused, 30_003 - 21_000, "a second's burst, and what may wait");
    sender.key(30, true);
    assert.equal(sender.isDown(30), false);
    assert.equal(refused, 30_004 - 21_000);
    sender.key(42, false);
    sender.button({ x: 0, y: 0 }, 1, false);
    sender.releaseAll();
    assert.equal(refused, 30_004 - 21_000);
    assert.deepEqual([sender.isDown(42), sender.isDown(29), sender.isPressed(1)], [false, false, false]);
    while (kinds.length < 21_003) {
        now += 2_000;
        const before = kinds.length;
        ring();
        assert.ok(kinds.length > before);
    }
    assert.deepEqual(kinds.slice(-4), [0x83, 0x82, 0x85, 0x87]);
});

test("text the protocol has no message for is left out, and line ends are keys", () => {
    const { sent, sender } = record();
    sender.text("a\u0007\ud800\u0085\nb");
    assert.deepEqual(sent.map((message) => [message[0], message[8]]), [[0x83, 97], [0x82, 28], [0x82, 28], [0x83, 98]]);
});
