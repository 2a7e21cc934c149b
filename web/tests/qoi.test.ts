import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBgrx, decodeQoi, decodeQoiChunks, QoiError } from "../src/stream/qoi";
import { randomNumbers } from "./messages";

const END = [0, 0, 0, 0, 0, 0, 0, 1];

function image(width: number, height: number, chunks: number[], channels = 3): Uint8Array {
    const bytes = new Uint8Array(14 + chunks.length + END.length);
    const view = new DataView(bytes.buffer);
    bytes.set([0x71, 0x6f, 0x69, 0x66]);
    view.setUint32(4, width);
    view.setUint32(8, height);
    view.setUint8(12, channels);
    bytes.set(chunks, 14);
    bytes.set(END, 14 + chunks.length);
    return bytes;
}

function refused(bytes: Uint8Array, width: number, height: number): void {
    assert.throws(() => decodeQoi(bytes, width, height), QoiError);
}

test("decodes every kind of chunk", () => {
    const chunks = [
        0xfe, 10, 20, 30, // RGB
        0x40 | (3 << 4) | (2 << 2) | 1, // DIFF +1 0 -1
        0x80 | (32 + 5), (8 + 2) * 16 + (8 - 3), // LUMA green +5, red +7, blue +2
        0xc0 | 1, // RUN of 2
        (10 * 3 + 20 * 5 + 30 * 7 + 255 * 11) & 63, // INDEX: the first colour
        0xff, 1, 2, 3, 128, // RGBA: alpha is dropped
    ];
    assert.deepEqual([...decodeQoi(image(7, 1, chunks), 7, 1)], [
        10, 20, 30, 255,
        11, 20, 29, 255,
        18, 25, 31, 255,
        18, 25, 31, 255,
        18, 25, 31, 255,
        10, 20, 30, 255,
        1, 2, 3, 255,
    ]);
});

test("differences wrap around", () => {
    const chunks = [0xfe, 255, 0, 0, 0x40 | (3 << 4) | (1 << 2) | 2];
    assert.deepEqual([...decodeQoi(image(2, 1, chunks), 2, 1)].slice(4), [0, 255, 0, 255]);
});

test("a run at the start is black", () => {
    assert.deepEqual([...decodeQoi(image(2, 1, [0xc1]), 2, 1)], [0, 0, 0, 255, 0, 0, 0, 255]);
});

test("a run fills the index, too", () => {
    const black = (255 * 11) & 63;
    assert.deepEqual([...decodeQoi(image(3, 1, [0xc0, 0xfe, 9, 9, 9, black]), 3, 1)].slice(8), [0, 0, 0, 255]);
});

test("refuses a header that is not the rectangle's", () => {
    refused(image(2, 1, [0xc1]), 1, 2);
    refused(image(0xffffffff, 0xffffffff, [0xc1]), 2, 1);
    refused(image(2, 1, [0xc1], 5), 2, 1);
    const magic = image(2, 1, [0xc1]);
    magic[0] = 0;
    refused(magic, 2, 1);
});

test("refuses too few pixels, too many, and an absent end", () => {
    refused(image(4, 1, [0xc1]), 4, 1);
    refused(image(1, 1, [0xc1]), 1, 1);
    refused(image(1, 1, [0xc0, 0xc0]), 1, 1);
    refused(image(1, 1, [0xc0]).slice(0, -1), 1, 1);
    refused(new Uint8Array(0), 1, 1);
});

test("refuses a chunk that reaches into the end marker", () => {
    refused(image(1, 1, [0xfe, 1, 2]), 1, 1);
    refused(image(1, 1, [0xff]), 1, 1);
    refused(image(1, 1, [0xa0]), 1, 1);
});

test("hostile chunks give an image or a QoiError, and never more pixels than asked for", () => {
    const random = randomNumbers(7);
    let decoded = 0;
    for (let round = 0; round < 20_000; round++) {
        const width = 1 + (random() % 9);
        const height = 1 + (random() % 9);
        const chunks = Array.from({ length: random() % 40 }, () => random() & 0xff);
        try {
            assert.equal(decodeQoi(image(width, height, chunks), width, height).length, width * height * 4);
            decoded++;
        } catch (error) {
            assert.ok(error instanceof QoiError, String(error));
        }
    }
    assert.ok(decoded > 0);
});

test("raw pixels change order and become opaque", () => {
    assert.deepEqual([...decodeBgrx(new Uint8Array([1, 2, 3, 0, 4, 5, 6, 77]))], [3, 2, 1, 255, 6, 5, 4, 255]);
});

test("bands come by columns", () => {
    // 2 x 3 in bands of 2: the columns (1, 3) and (2, 4), then the row (5, 6); each pixel is one brighter.
    const up = 0x40 | (3 << 4) | (3 << 2) | 3;
    const chunks = Uint8Array.of(up, up, up, up, up, up);
    const reds = (band: number): number[] => [...decodeQoiChunks(chunks, 2, 3, band)].filter((_value, i) => i % 4 === 0);
    assert.deepEqual(reds(0), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(reds(2), [1, 3, 2, 4, 5, 6]);
    assert.deepEqual(reds(255), [1, 4, 2, 5, 3, 6]);
});

test("chunks end with the last pixel", () => {
    assert.throws(() => decodeQoiChunks(Uint8Array.of(0xc1), 3, 1, 0), QoiError);
    assert.throws(() => decodeQoiChunks(Uint8Array.of(0xc1, 0xc0), 2, 1, 0), QoiError);
    assert.throws(() => decodeQoiChunks(Uint8Array.of(0xfe, 1), 1, 1, 0), QoiError);
});

test("hostile chunks in bands give pixels or a QoiError, and raw pixels as many as there are", () => {
    const random = randomNumbers(8);
    let decoded = 0;
    for (let round = 0; round < 20_000; round++) {
        const [width, height, band] = [1 + (random() % 9), 1 + (random() % 9), random() % 12];
        // Mostly runs and small differences: random bytes seldom end with the last pixel.
        const chunks = Uint8Array.from({ length: random() % 30 }, () => (random() % 4 === 0 ? random() & 0xff : 0xc0 | random() % 4));
        try {
            const pixels = decodeQoiChunks(chunks, width, height, band);
            assert.equal(pixels.length, width * height * 4);
            assert.ok(pixels.every((value, i) => i % 4 !== 3 || value === 255));
            decoded++;
        } catch (error) {
            assert.ok(error instanceof QoiError, String(error));
        }
        assert.equal(decodeBgrx(chunks.subarray(0, chunks.length & ~3)).length, chunks.length & ~3);
    }
    assert.ok(decoded > 100);
});
