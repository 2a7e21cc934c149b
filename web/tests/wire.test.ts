import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_MESSAGE_BYTES } from "../src/stream/limits";
import {
    decodeMessage,
    encodeAcknowledge,
    encodeButton,
    encodeGreeting,
    encodeKey,
    encodeLayout,
    encodeLocks,
    encodePointer,
    encodeRefresh,
    encodeRelative,
    encodeReleaseAll,
    encodeSymbol,
    encodeText,
    encodeWheel,
    WireError,
} from "../src/stream/wire";
import {
    audio,
    clipboard,
    copy,
    cursor,
    DISPLAY,
    display,
    hello,
    lossless,
    pointer,
    randomNumbers,
    statistics,
    video,
} from "./messages";

const VALID = {
    hello: hello(),
    video: video(1, true, [[0, 0, 640, 480], [1, 2, 3, 4]]),
    lossless: lossless(2, [8, 8, 2, 2], 2, new Uint8Array(16)),
    copy: copy(3, [[0, 0, 10, 10, 20, 20]]),
    cursor: cursor(2, 2, 1, 1),
    clipboard: clipboard(3, 0, 5, new Uint8Array([104, 105])),
    audio: audio(),
    display: display(800, 600),
    statistics: statistics(),
    pointer: pointer(639, 479),
};

function refused(buffer: ArrayBuffer, known: typeof DISPLAY | null = DISPLAY): void {
    assert.throws(() => decodeMessage(buffer, known), WireError);
}

function changed(buffer: ArrayBuffer, change: (view: DataView) => void): ArrayBuffer {
    const copied = buffer.slice(0);
    change(new DataView(copied));
    return copied;
}

test("reads hello", () => {
    assert.deepEqual(decodeMessage(VALID.hello, null), {
        kind: "hello",
        size: DISPLAY,
        framerate: 60,
        codec: "avc1.42C028",
    });
});

test("reads a video frame with its header, rectangles and access unit", () => {
    const message = decodeMessage(VALID.video, DISPLAY);
    assert.equal(message.kind, "video");
    assert.ok(message.kind === "video");
    assert.equal(message.key, true);
    assert.deepEqual(message.header, {
        more: false,
        sequence: 1,
        input: 7,
        captured: 0x0102030405060708n,
        waited: 11,
        converted: 12,
        encoded: 13,
    });
    assert.deepEqual(message.rectangles[1], { x: 1, y: 2, width: 3, height: 4 });
    assert.deepEqual([...message.data], [0, 0, 0, 1, 0x65]);
});

test("reads every other kind", () => {
    for (const [kind, buffer] of Object.entries(VALID)) {
        assert.equal(decodeMessage(buffer, DISPLAY).kind, kind);
    }
});

test("takes only hello before hello", () => {
    for (const [kind, buffer] of Object.entries(VALID)) {
        if (kind !== "hello") {
            refused(buffer, null);
        }
    }
});

test("refuses each message cut short at every byte", () => {
    for (const [kind, buffer] of Object.entries(VALID)) {
        // What is left of these is a shorter message of the same kind once its fixed part is whole.
        const shortest = { video: 28 + 4 + 2 + 16 + 1, clipboard: 21, audio: 13 }[kind] ?? buffer.byteLength;
        for (let length = 0; length < shortest; length++) {
            refused(buffer.slice(0, length));
        }
    }
});

test("refuses fixed-size messages with a byte too many", () => {
    for (const kind of ["hello", "lossless", "copy", "cursor", "display", "statistics", "pointer"] as const) {
        const longer = new Uint8Array(VALID[kind].byteLength + 1);
        longer.set(new Uint8Array(VALID[kind]));
        refused(longer.buffer);
    }
});

test("refuses unknown kinds, flags and reserved bytes", () => {
    for (const kind of [0x00, 0x0b, 0x7f, 0x81, 0xff]) {
        refused(changed(VALID.hello, (view) => view.setUint8(0, kind)));
    }
    refused(changed(VALID.hello, (view) => view.setUint8(1, 1)));
    refused(changed(VALID.video, (view) => view.setUint8(1, 4)));
    refused(changed(VALID.copy, (view) => view.setUint8(1, 1)));
    refused(changed(VALID.pointer, (view) => view.setUint8(1, 2)));
    refused(changed(VALID.video, (view) => view.setUint16(2, 1)));
    refused(changed(VALID.lossless, (view) => view.setUint8(41, 1)));
});

test("an update of several messages says so", () => {
    for (const [buffer, flags] of [[VALID.video, 3], [VALID.lossless, 2], [VALID.copy, 2]] as const) {
        const message = decodeMessage(changed(buffer, (view) => view.setUint8(1, flags)), DISPLAY);
        assert.ok("header" in message && message.header.more);
        assert.ok(message.kind !== "video" || message.key);
    }
});

test("refuses sizes and versions outside the protocol", () => {
    refused(changed(VALID.hello, (view) => view.setUint16(4, 2, true)), null);
    refused(hello(0, 480), null);
    refused(hello(7681, 480), null);
    refused(hello(640, 4321), null);
    refused(hello(640, 480, ""), null);
    refused(hello(640, 480, "a".repeat(65)), null);
    refused(hello(640, 480, "avc1.42\u00e9"), null);
    refused(hello(640, 480, "avc1 <b>"), null);
    refused(display(0, 1));
    refused(cursor(257, 1, 0, 0));
    refused(cursor(0, 4, 0, 0));
    refused(cursor(4, 4, 5, 0));
    refused(pointer(640, 0));
    refused(pointer(0, 480));
    refused(pointer(65535, 65535));
});

test("refuses rectangles that are empty, too many, or not inside the display", () => {
    for (const rectangle of [[0, 0, 0, 1], [0, 0, 1, 0], [640, 0, 1, 1], [0, 480, 1, 1], [600, 0, 41, 1],
        [65535, 65535, 65535, 65535]] as [number, number, number, number][]) {
        refused(video(1, false, [rectangle]));
        refused(lossless(1, rectangle, 2, new Uint8Array(4)));
        refused(copy(1, [[0, 0, ...rectangle]]));
    }
    refused(video(1, false, []));
    refused(video(1, false, Array.from({ length: 65 }, () => [0, 0, 1, 1] as [number, number, number, number])));
    refused(copy(1, [[600, 0, 0, 0, 41, 1]]));
    refused(copy(1, [[0, 479, 0, 0, 1, 2]]));
});

test("refuses raw pixels that do not fill their rectangle, and unknown encodings", () => {
    refused(lossless(1, [0, 0, 2, 2], 2, new Uint8Array(15)));
    refused(lossless(1, [0, 0, 2, 2], 2, new Uint8Array(20)));
    refused(lossless(1, [0, 0, 2, 2], 4, new Uint8Array(16)));
    refused(lossless(1, [0, 0, 2, 2], 2, new Uint8Array(16), 1));
    assert.equal(decodeMessage(lossless(1, [0, 0, 2, 2], 3, new Uint8Array(3), 255), DISPLAY).kind, "lossless");
});

test("refuses what is larger than a message may be", () => {
    refused(new ArrayBuffer(MAX_MESSAGE_BYTES + 1));
    refused(clipboard(3, 0, 0, new Uint8Array(65_536)));
    refused(clipboard(3, 0, 0));
    refused(clipboard(3, 1, 0, new Uint8Array(1)));
    refused(clipboard(2, 3, 10));
    refused(clipboard(2, 0, 10));
    refused(clipboard(2, 1, 10, new Uint8Array(1)));
    refused(clipboard(4, 0, 10, new Uint8Array(), 1));
    refused(clipboard(0, 0, 0));
    refused(clipboard(6, 0, 0));
});

test("throws nothing but WireError on random bytes and on valid messages with random changes", () => {
    const random = randomNumbers(1);
    const buffers = Object.values(VALID);
    for (let round = 0; round < 50_000; round++) {
        const base = buffers[random() % buffers.length]!;
        const bytes = new Uint8Array(round % 2 === 0 ? base.slice(0) : new ArrayBuffer(random() % 96));
        if (round % 2 === 0) {
            for (let change = random() % 4; change >= 0; change--) {
                bytes[random() % bytes.length] = random();
            }
        } else {
            bytes.forEach((_, i) => (bytes[i] = random()));
            bytes.set([1 + (random() % 10), 0, 0, 0].slice(0, bytes.length));
        }
        try {
            decodeMessage(bytes.buffer, round % 7 === 0 ? null : DISPLAY);
        } catch (error) {
            assert.ok(error instanceof WireError, String(error));
        }
    }
});

function bytesOf(buffer: ArrayBuffer): number[] {
    return [...new Uint8Array(buffer)];
}

test("writes the browser's messages byte by byte as the protocol has them", () => {
    assert.deepEqual(bytesOf(encodeAcknowledge(0x01020304, 5, 6)),
        [0x81, 0, 0, 0, 4, 3, 2, 1, 5, 0, 0, 0, 6, 0, 0, 0]);
    assert.deepEqual(bytesOf(encodeGreeting()), [0x81, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]);
    assert.deepEqual(bytesOf(encodeKey(9, 30, true)), [0x82, 0, 0, 0, 9, 0, 0, 0, 30, 0, 1, 0]);
    assert.deepEqual(bytesOf(encodeText(9, 0x1f600)), [0x83, 0, 0, 0, 9, 0, 0, 0, 0x00, 0xf6, 0x01, 0x00]);
    assert.deepEqual(bytesOf(encodePointer(9, 0x0102, 3)), [0x84, 0, 0, 0, 9, 0, 0, 0, 2, 1, 3, 0]);
    assert.deepEqual(bytesOf(encodeButton(9, 1, 2, 8, false)), [0x85, 0, 0, 0, 9, 0, 0, 0, 1, 0, 2, 0, 8, 0, 0, 0]);
    assert.deepEqual(bytesOf(encodeWheel(9, 1, 2, -120, 120)),
        [0x86, 0, 0, 0, 9, 0, 0, 0, 1, 0, 2, 0, 0x88, 0xff, 120, 0]);
    assert.deepEqual(bytesOf(encodeReleaseAll(9)), [0x87, 0, 0, 0, 9, 0, 0, 0]);
    assert.deepEqual(bytesOf(encodeRefresh()), [0x8a, 0, 0, 0]);
    assert.deepEqual(bytesOf(encodeSymbol(9, 30, true, 0x1f600)),
        [0x90, 0, 0, 0, 9, 0, 0, 0, 30, 0, 1, 0, 0x00, 0xf6, 0x01, 0x00]);
    assert.deepEqual(bytesOf(encodeRelative(9, -2, 3)), [0x91, 0, 0, 0, 9, 0, 0, 0, 0xfe, 0xff, 3, 0]);
    assert.deepEqual(bytesOf(encodeLocks(9, false, true)), [0x92, 0, 0, 0, 9, 0, 0, 0, 0, 1, 0, 0]);
    assert.deepEqual(bytesOf(encodeLayout(9, "de", "nodeadkeys")), [0x93, 0, 0, 0, 9, 0, 0, 0,
        ...[..."de".padEnd(16, "\0"), ..."nodeadkeys".padEnd(32, "\0")].map((c) => c.charCodeAt(0))]);
    assert.equal(encodeLayout(9, "x".repeat(99), "y".repeat(99)).byteLength, 56);
});

test("an acknowledged time stays inside its 32 bits", () => {
    const view = new DataView(encodeAcknowledge(1, 1e12, 0));
    assert.equal(view.getUint32(8, true), 0xffffffff);
    assert.equal(new DataView(encodeAcknowledge(1, -5, 0)).getUint32(8, true), 0);
});
