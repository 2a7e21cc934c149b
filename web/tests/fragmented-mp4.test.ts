import assert from "node:assert/strict";
import { test } from "node:test";
import { nalType, nalUnits, sizeOfSps } from "../src/stream/annexb";
import { fragment, initialization } from "../src/stream/fragmented-mp4";
import { WireError } from "../src/stream/wire";
import { randomNumbers } from "./messages";

// libx264, baseline, 640x360 and, cropped, 1920x1080.
const SPS_360 = Uint8Array.from([0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x32, 0x0f, 0x16, 0x2e, 0x48]);
const SPS_1080 = Uint8Array.from([0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20]);
const PPS = Uint8Array.from([0x68, 0xcb, 0x83, 0xcb, 0x20]);
const IDR = Uint8Array.from([0x65, 0x88, 0x84, 0x01]);

const annexB = (...units: Uint8Array[]) => Uint8Array.from(units.flatMap((unit, i) => [...(i === 0 ? [0] : []), 0, 0, 1, ...unit]));

interface Box {
    name: string;
    content: Uint8Array;
}

function boxes(data: Uint8Array): Box[] {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const found: Box[] = [];
    let at = 0;
    while (at < data.length) {
        const length = view.getUint32(at);
        assert.ok(length >= 8 && at + length <= data.length, "a box that does not fit");
        found.push({ name: String.fromCharCode(...data.subarray(at + 4, at + 8)), content: data.subarray(at + 8, at + length) });
        at += length;
    }
    return found;
}

function inside(data: Uint8Array, ...path: string[]): Uint8Array {
    return path.reduce((content, name) => {
        const found = boxes(content).find((box) => box.name === name);
        assert.ok(found, `no ${name}`);
        return found.content;
    }, data);
}

test("the size of a picture comes from its parameter set", () => {
    assert.deepEqual(sizeOfSps(SPS_360), { width: 640, height: 360 });
    assert.deepEqual(sizeOfSps(SPS_1080), { width: 1920, height: 1080 });
});

test("an access unit falls into its NAL units, by start codes of three and four bytes", () => {
    const units = nalUnits(annexB(SPS_360, PPS, IDR));
    assert.deepEqual(units.map(nalType), [7, 8, 5]);
    assert.deepEqual([...units[2]!], [...IDR]);
    assert.throws(() => nalUnits(Uint8Array.of(1, 2, 3, 4)), WireError);
    assert.deepEqual(nalUnits(Uint8Array.of(0, 0, 1)), []);
});

test("an initialization segment names the track, its size and its parameter sets", () => {
    const segment = initialization([SPS_1080, PPS, IDR]);
    assert.deepEqual(boxes(segment).map(({ name }) => name), ["ftyp", "moov"]);
    const header = inside(segment, "moov", "trak", "tkhd");
    const view = new DataView(header.buffer, header.byteOffset);
    assert.deepEqual([view.getUint32(header.length - 8) >> 16, view.getUint32(header.length - 4) >> 16], [1920, 1080]);
    const entry = inside(inside(segment, "moov", "trak", "mdia", "minf", "stbl", "stsd").subarray(8), "avc1");
    const configuration = inside(entry.subarray(78), "avcC");
    assert.deepEqual([...configuration.subarray(8, 8 + SPS_1080.length)], [...SPS_1080]);
    assert.deepEqual([...configuration.subarray(-PPS.length)], [...PPS]);
    assert.throws(() => initialization([IDR]), WireError);
});

test("a fragment holds one frame at its time, and its offset points at it", () => {
    const segment = fragment([SPS_1080, PPS, IDR], true, 7, 5_000_000_000, 16);
    assert.deepEqual(boxes(segment).map(({ name }) => name), ["moof", "mdat"]);
    const time = inside(segment, "moof", "traf", "tfdt");
    assert.equal(new DataView(time.buffer, time.byteOffset).getBigUint64(4), 5_000_000_000n);
    const run = inside(segment, "moof", "traf", "trun");
    const view = new DataView(run.buffer, run.byteOffset);
    const [offset, duration, size] = [view.getUint32(8), view.getUint32(12), view.getUint32(16)];
    assert.deepEqual([duration, size], [16, 4 + IDR.length]);
    assert.deepEqual([...segment.subarray(offset, offset + size!)], [0, 0, 0, IDR.length, ...IDR]);
});

test("nothing but WireError comes out of hostile parameter sets", () => {
    const random = randomNumbers(11);
    for (let i = 0; i < 3000; i++) {
        const sps = Uint8Array.from(SPS_1080);
        for (let flips = random() % 6; flips >= 0; flips--) {
            sps[random() % sps.length] = random() & 255;
        }
        try {
            const { width, height } = sizeOfSps(sps.subarray(0, random() % (sps.length + 1)));
            assert.ok(width > 0 && width <= 7680 && height > 0 && height <= 4336);
        } catch (error) {
            assert.ok(error instanceof WireError, String(error));
        }
    }
});

test("any access unit becomes boxes that fit, or a WireError", () => {
    const random = randomNumbers(12);
    const good = annexB(SPS_1080, PPS, IDR);
    let packed = 0;
    for (let round = 0; round < 5000; round++) {
        const data = round % 2 === 0 ? Uint8Array.from(good) : Uint8Array.from({ length: random() % 60 }, () => (random() % 3 === 0 ? random() & 255 : random() % 2));
        for (let flips = random() % 4; flips > 0 && data.length > 0; flips--) {
            data[random() % data.length] = random() & 255;
        }
        try {
            const units = nalUnits(data);
            assert.ok(units.reduce((sum, unit) => sum + unit.length, 0) <= data.length);
            assert.deepEqual(boxes(fragment(units, true, 1, round, 16)).map(({ name }) => name), ["moof", "mdat"]);
            packed++;
            boxes(initialization(units));
        } catch (error) {
            assert.ok(error instanceof WireError, String(error));
        }
    }
    assert.ok(packed > 1000);
});
