import assert from "node:assert/strict";
import { test } from "node:test";
import zlib from "node:zlib";
import { InflateError, Inflater } from "../src/stream/inflate";
import { randomNumbers } from "./messages";

const FLUSH_BYTES = 4;

/** The streamer's half: one deflate stream, flushed after each message. */
class Deflater {
    private readonly stream: zlib.DeflateRaw;
    private parts: Buffer[] = [];

    constructor(options: zlib.ZlibOptions = { level: 1 }) {
        this.stream = zlib.createDeflateRaw(options);
        this.stream.on("data", (part: Buffer) => this.parts.push(part));
    }

    async next(message: Uint8Array): Promise<Uint8Array> {
        this.parts = [];
        this.stream.write(message);
        await new Promise<void>((resolve) => this.stream.flush(zlib.constants.Z_SYNC_FLUSH, resolve));
        const all = Buffer.concat(this.parts);
        return all.subarray(0, all.length - FLUSH_BYTES);
    }
}

function samples(seed: number, length: number, alphabet: number): Uint8Array {
    const random = randomNumbers(seed);
    return Uint8Array.from({ length }, () => (random() >>> 8) % alphabet);
}

test("one stream over many messages, at each level", async () => {
    for (const options of [{ level: 0 }, { level: 1 }, { level: 9 }, { level: 6, strategy: zlib.constants.Z_FIXED }]) {
        const deflater = new Deflater(options);
        const inflater = new Inflater();
        for (const [seed, length, alphabet] of [[1, 10, 3], [2, 5000, 4], [2, 5000, 4], [3, 70000, 250], [4, 1, 2], [5, 40000, 17]] as const) {
            const message = samples(seed, length, alphabet);
            assert.deepEqual(Buffer.from(inflater.inflate(await deflater.next(message), length)), Buffer.from(message));
        }
    }
});

test("what was sent before makes a message small, until the stream starts anew", async () => {
    const deflater = new Deflater();
    const inflater = new Inflater();
    const message = samples(7, 2000, 256);
    inflater.inflate(await deflater.next(message), 2000);
    const again = await deflater.next(message);
    assert.ok(again.length < 60);
    assert.deepEqual(Buffer.from(inflater.inflate(again, 2000)), Buffer.from(message));
    inflater.reset();
    assert.throws(() => inflater.inflate(again, 2000), InflateError);
});

test("refuses more bytes than the caller expects", async () => {
    const message = samples(8, 3000, 5);
    for (const options of [{ level: 0 }, { level: 1 }]) {
        const data = await new Deflater(options).next(message);
        assert.throws(() => new Inflater().inflate(data, 2999), InflateError);
    }
    const zeros = await new Deflater().next(new Uint8Array(3000));
    assert.throws(() => new Inflater().inflate(zeros, 2999), InflateError);
});

test("refuses every cut, a finished stream and what follows its end", async () => {
    const data = await new Deflater().next(samples(9, 600, 40));
    for (let length = 0; length < data.length - 1; length++) {
        assert.throws(() => new Inflater().inflate(data.subarray(0, length), 600), InflateError, `cut to ${length}`);
    }
    assert.throws(() => new Inflater().inflate(zlib.deflateRawSync(samples(9, 600, 40)), 600), InflateError);
    assert.throws(() => new Inflater().inflate(Buffer.concat([data, Buffer.of(0, 0, 0)]), 600), InflateError);
});

test("survives any bytes with an InflateError at most, and never exceeds the maximum", async () => {
    const random = randomNumbers(10);
    const good = await new Deflater().next(samples(11, 500, 30));
    for (let round = 0; round < 20_000; round++) {
        const data = round % 2 === 0 ? samples(round + 1, random() % 80, 256) : Uint8Array.from(good);
        data[random() % (data.length || 1)] = random() & 0xff;
        try {
            assert.ok(new Inflater().inflate(data, 1000).length <= 1000);
        } catch (error) {
            assert.ok(error instanceof InflateError, String(error));
        }
    }
});
