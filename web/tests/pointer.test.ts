import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { PointerMotion } from "../src/input/pointer";
import { InputSender } from "../src/input/sender";
import { TouchGesture } from "../src/input/touch";

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
    const gesture = new TouchGesture(sender, motion, (x, y) => ({ x, y }));
    return { sent, link, motion, gesture };
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
    gesture.move(1, 50, 140);
    gesture.up(1, false);
    gesture.up(2, false);
    assert.deepEqual(sent, ["86 50,140 0 -120"]);
});
