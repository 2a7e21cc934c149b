import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { cursorScale, isTooLarge } from "../src/desktop/cursor-view";
import { Magnifier } from "../src/desktop/magnifier";
import { PointerMotion, unshifted } from "../src/input/pointer";
import { RelativeMotion } from "../src/input/relative";
import { InputSender } from "../src/input/sender";
import { TouchGesture } from "../src/input/touch";
import { holdTimers } from "./timers";

let frames: (() => void)[] = [];

/** The browser's animation frames, run by hand. */
function nextFrame(): void {
    const due = frames;
    frames = [];
    for (const callback of due) {
        callback();
    }
}

beforeEach(() => {
    frames = [];
    Object.assign(globalThis, {
        requestAnimationFrame: (callback: () => void) => frames.push(callback),
        cancelAnimationFrame: () => {
            frames = [];
        },
    });
});

function setUp() {
    const sent: string[] = [];
    const link = { open: true };
    const sender = new InputSender((message) => {
        const view = new DataView(message);
        const fields = [view.getUint8(0).toString(16)];
        if (message.byteLength >= 12) {
            fields.push(`${view.getUint16(8, true)},${view.getUint16(10, true)}`);
        }
        if (view.getUint8(0) === 0x85) {
            fields.push(`${view.getUint8(12)} ${view.getUint8(13) === 1 ? "down" : "up"}`);
        }
        if (view.getUint8(0) === 0x86) {
            fields.push(`${view.getInt16(12, true)} ${view.getInt16(14, true)}`);
        }
        if (link.open) {
            sent.push(fields.join(" "));
        }
        return link.open;
    });
    const motion = new PointerMotion(sender);
    const pinches: number[][] = [];
    const gesture = new TouchGesture(sender, motion, (x, y) => ({ x, y }), (...pinch) => pinches.push(pinch));
    return { sent, link, sender, motion, gesture, pinches };
}

test("at most one position leaves with each frame, the newest", () => {
    const { sent, motion } = setUp();
    for (let i = 0; i < 10; i++) {
        motion.move({ x: i, y: 0 });
    }
    assert.equal(sent.length, 0);
    nextFrame();
    nextFrame();
    assert.deepEqual(sent, ["84 9,0"]);
});

test("a flush sends at once and takes the frame's place", () => {
    const { sent, motion } = setUp();
    motion.move({ x: 1, y: 1 });
    motion.flush();
    nextFrame();
    assert.deepEqual(sent, ["84 1,1"]);
});

test("a position the other side knows is not sent again, one it missed is", () => {
    const { sent, link, motion } = setUp();
    motion.move({ x: 1, y: 1 });
    nextFrame();
    motion.move({ x: 1, y: 1 });
    nextFrame();
    assert.equal(sent.length, 1);
    link.open = false;
    motion.move({ x: 2, y: 2 });
    nextFrame();
    link.open = true;
    motion.move({ x: 2, y: 2 });
    nextFrame();
    assert.deepEqual(sent, ["84 1,1", "84 2,2"]);
});

test("a tap is a click where it was", () => {
    const { sent, gesture } = setUp();
    gesture.down(1, 50, 60);
    gesture.move(1, 53, 62);
    gesture.up(1, false);
    assert.deepEqual(sent, ["84 53,62", "85 53,62 1 down", "85 53,62 1 up"]);
});

test("a finger that moves drags from where it came down", () => {
    const { sent, gesture } = setUp();
    gesture.down(1, 50, 60);
    gesture.move(1, 90, 60);
    nextFrame();
    gesture.up(1, false);
    assert.deepEqual(sent, ["84 50,60", "85 50,60 1 down", "84 90,60", "85 90,60 1 up"]);
});

test("another finger neither moves nor ends a drag", () => {
    const { sent, gesture } = setUp();
    gesture.down(1, 50, 60);
    gesture.move(1, 90, 60);
    gesture.down(2, 300, 300);
    gesture.move(2, 310, 300);
    gesture.up(2, false);
    gesture.move(1, 95, 60);
    nextFrame();
    gesture.up(1, false);
    assert.deepEqual(sent, ["84 50,60", "85 50,60 1 down", "84 95,60", "85 95,60 1 up"]);
});

test("a touch the browser takes away never clicks", () => {
    const { sent, gesture } = setUp();
    gesture.down(1, 50, 60);
    gesture.up(1, true);
    assert.equal(sent.length, 0);
});

test("two fingers scroll, press nothing, and the picture follows them", () => {
    const { sent, gesture } = setUp();
    gesture.down(1, 50, 60);
    gesture.down(2, 90, 60);
    for (let y = 68; y <= 140; y += 8) {
        gesture.move(1, 50, y);
        gesture.move(2, 90, y);
    }
    gesture.up(1, false);
    gesture.up(2, false);
    assert.ok(sent.every((line) => line.startsWith("86")));
    const units = sent.map((line) => Number(line.split(" ")[3]));
    const sum = units.reduce((a, b) => a + b, 0);
    assert.ok(sum <= -65 && sum >= -80, `${sum} units for 80 pixels`);
});

test("two fingers that part pinch around what is between them, and send nothing", () => {
    const { sent, gesture, pinches } = setUp();
    gesture.down(1, 100, 100);
    gesture.down(2, 140, 100);
    for (let i = 1; i <= 10; i++) {
        gesture.move(1, 100 - 4 * i, 100);
        gesture.move(2, 140 + 4 * i, 100);
    }
    gesture.up(1, false);
    gesture.move(2, 300, 300);
    gesture.up(2, false);
    assert.deepEqual(sent, []);
    const factor = pinches.reduce((product, [one]) => product * one!, 1);
    assert.ok(factor > 2.9 && factor <= 3.0001, `${factor}`);
});

test("a long press is a right click, and no other", (context) => {
    const ring = holdTimers(context);
    const { sent, gesture } = setUp();
    gesture.down(1, 50, 60);
    ring();
    gesture.up(1, false);
    assert.deepEqual(sent, ["84 50,60", "85 50,60 3 down", "85 50,60 3 up"]);
});

test("steps of a locked pointer are added up in the display's pixels, no fraction lost", () => {
    const { sent, sender } = setUp();
    const moved: number[][] = [];
    const relative = new RelativeMotion(sender, () => 0.5, (x, y) => moved.push([x, y]));
    relative.move(0.2, -3);
    relative.move(0.2, 0);
    nextFrame();
    relative.move(0.2, 0);
    nextFrame();
    assert.deepEqual(sent, ["91 0,65530", "91 1,0"]);
    assert.deepEqual(moved, [[0, -6], [1, 0]]);
});

test("Shift turns the wheel sideways in the desktop's programs, not before", () => {
    assert.deepEqual(unshifted(true, { horizontal: 100, vertical: 0 }), { horizontal: 0, vertical: 100 });
    assert.deepEqual(unshifted(false, { horizontal: 100, vertical: 0 }), { horizontal: 100, vertical: 0 });
    assert.deepEqual(unshifted(true, { horizontal: 0, vertical: 100 }), { horizontal: 0, vertical: 100 });
});

test("a magnified picture keeps what is under the fingers there, and never leaves its place", () => {
    const box = { x: 10, y: 20, width: 300, height: 200 };
    const magnifier = new Magnifier();
    magnifier.pinch(box, 2, 110, 120, 0, 0);
    assert.equal(magnifier.transform, "translate(-100px, -100px) scale(2)");
    magnifier.pinch(box, 1, 2000, 2000, 1890, 1880); // dragged far away
    assert.equal(magnifier.transform, "translate(0px, 0px) scale(2)");
    magnifier.pinch(box, 100, 110, 120, 0, 0);
    assert.equal(magnifier.scale, 5);
    magnifier.pinch(box, 0.01, 110, 120, 0, 0);
    assert.equal(magnifier.transform, "");
});

test("cursors are as sharp as the picture, never tiny, and drawn by the page when too large for the browser", () => {
    assert.equal(cursorScale({ width: 48, height: 48 }, 0.5), 0.5);
    assert.equal(cursorScale({ width: 24, height: 24 }, 1 / 3), 16 / 24);
    assert.equal(cursorScale({ width: 8, height: 8 }, 0.2), 1);
    assert.equal(isTooLarge({ width: 256, height: 20 }, 1), true);
    assert.equal(isTooLarge({ width: 256, height: 20 }, 0.5), false);
});
