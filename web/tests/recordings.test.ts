import assert from "node:assert/strict";
import { test } from "node:test";
import { FormatError, keyBefore, parseIndex, parseRecord } from "../src/recordings/format.ts";
import { RecordingReader } from "../src/recordings/reader.ts";
import { parseNotice } from "../src/stream/notice.ts";
import { mayWatcherSend } from "../src/stream/wire.ts";

function index(...entries: readonly (readonly number[])[]): ArrayBuffer {
    const view = new DataView(new ArrayBuffer(entries.length * 40));
    entries.forEach((entry, i) => entry.forEach((value, field) => view.setBigUint64(i * 40 + field * 8, BigInt(value), true)));
    return view.buffer as ArrayBuffer;
}

function record(length: number, time: number): DataView {
    const view = new DataView(new ArrayBuffer(16));
    view.setUint32(0, length, true);
    view.setBigUint64(8, BigInt(time), true);
    return view;
}

test("an index is read, and the key before a time found", () => {
    const { keys, end, duration } = parseIndex(index([2000, 200, 80, 0, 0], [9000, 500, 80, 300, 400], [12000, 900, 0, 0, 0]));
    assert.deepEqual([keys.length, end, duration], [2, 900, 12]);
    assert.equal(keyBefore(keys, 1)?.offset, 200);
    assert.equal(keyBefore(keys, 8.9)?.offset, 200);
    assert.equal(keyBefore(keys, 9)?.offset, 500);
    assert.equal(keyBefore([], 9), null);
});

test("a hostile index is refused", () => {
    const wrong = [
        new ArrayBuffer(0),
        new ArrayBuffer(41),
        index([9, 500, 80, 0, 0], [8, 600, 0, 0, 0]),
        index([9, 500, 80, 0, 0], [10, 500, 0, 0, 0]),
        index([9, 500, 500, 0, 0], [10, 600, 0, 0, 0]),
        index([9, 500, 80, 900, 0], [10, 600, 0, 0, 0]),
    ];
    for (const bytes of wrong) {
        assert.throws(() => parseIndex(bytes), FormatError);
    }
    const huge = new DataView(index([0, 0, 0, 0, 0]));
    huge.setBigUint64(8, 2n ** 63n, true);
    assert.throws(() => parseIndex(huge.buffer as ArrayBuffer), FormatError);
});

test("records are bounded, and read across pieces", async () => {
    assert.throws(() => parseRecord(record(0, 0)), FormatError);
    assert.throws(() => parseRecord(record(8 * 1024 * 1024 + 1, 0)), FormatError);
    const file = new Uint8Array(80 + 2 * (16 + 5));
    for (const [at, value] of [[80, 7], [101, 8]] as const) {
        file.set(new Uint8Array(record(5, value * 1000).buffer), at);
        file.fill(value, at + 16, at + 21);
    }
    const reader = new RecordingReader(async (from) => file.slice(from, from + 3).buffer, file.length);
    const first = await reader.read(80);
    assert.deepEqual([first?.time, first?.next, [...new Uint8Array(first!.message)]], [7, 101, [7, 7, 7, 7, 7]]);
    assert.equal((await reader.read(101))?.time, 8);
    assert.equal((await reader.read(80))?.time, 7);
    assert.equal(await reader.read(122), null);
    assert.equal(await reader.read(110), null);
});

test("notices about who watches and what is recorded", () => {
    const { items } = parseNotice('{"type":"viewers","count":2,"items":[{"id":"a","kind":"guest","label":"Ann","access":"control"},7]}') as { items: { access: string; guest: boolean }[] };
    assert.deepEqual(items.map(({ access, guest }) => [access, guest]), [["control", true], ["view", false]]);
    assert.deepEqual(parseNotice('{"type":"access","access":"everything"}'), { type: "access", access: "view", guest: false });
    assert.deepEqual(parseNotice('{"type":"recording","mode":"x","on":1}'), { type: "recording", mode: "off", on: false, failed: false });
});

test("who may only watch says nothing but that it watches", () => {
    const kinds = Array.from({ length: 256 }, (_, kind) => kind).filter((kind) => mayWatcherSend(new Uint8Array([kind]).buffer as ArrayBuffer));
    assert.deepEqual(kinds, [0x81, 0x8a, 0x8b]);
});
