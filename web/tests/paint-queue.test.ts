import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_QUEUED_BYTES, MAX_QUEUED_MESSAGES } from "../src/stream/limits";
import { NOTHING, type Paint, PaintQueue } from "../src/stream/paint-queue";
import { WireError } from "../src/stream/wire";

const frame = (sequence: number) => ({ sequence, more: false });

function setUp() {
    const log: string[] = [];
    const clock = { now: 0 };
    const queue = new PaintQueue(
        ({ sequence }, times, queued) => log.push(`ack ${sequence} ${(times.painted - times.arrived) * 1000} ${queued}`),
        () => clock.now,
    );
    const paint = (name: string): Paint => ({
        paint: () => log.push(`paint ${name}`),
        discard: () => log.push(`discard ${name}`),
    });
    return { log, clock, queue, paint };
}

test("paints at once what is ready", () => {
    const { log, queue, paint } = setUp();
    queue.push(frame(1), 10, paint("a"));
    assert.deepEqual(log, ["paint a", "ack 1 0 0"]);
});

test("a lossless rectangle waits for the video frame before it", () => {
    const { log, clock, queue, paint } = setUp();
    queue.push(frame(1), 10, null);
    clock.now = 2;
    queue.push(frame(2), 10, paint("lossless"));
    assert.equal(log.length, 0);
    clock.now = 5;
    assert.equal(queue.settle(1, paint("video")), true);
    assert.deepEqual(log, ["paint video", "ack 1 5000 1", "paint lossless", "ack 2 3000 0"]);
});

test("frames that come back out of order are painted in order", () => {
    const { log, queue, paint } = setUp();
    queue.push(frame(1), 10, null);
    queue.push(frame(2), 10, null);
    queue.settle(2, paint("second"));
    assert.equal(log.length, 0);
    queue.settle(1, paint("first"));
    assert.deepEqual(log.filter((line) => line.startsWith("paint")), ["paint first", "paint second"]);
});

test("a frame nobody waits for stays the caller's", () => {
    const { queue, paint } = setUp();
    queue.push(frame(1), 10, null);
    assert.equal(queue.settle(9, paint("stray")), false);
    assert.equal(queue.settle(1, NOTHING), true);
    assert.equal(queue.settle(1, paint("again")), false);
});

test("after a decoder failure the rest passes, acknowledged", () => {
    const { log, queue, paint } = setUp();
    queue.push(frame(1), 10, null);
    queue.push(frame(2), 10, paint("lossless"));
    queue.push(frame(3), 10, null);
    queue.abandon();
    assert.deepEqual(log, ["ack 1 0 2", "paint lossless", "ack 2 0 1", "ack 3 0 0"]);
    assert.equal(queue.length, 0);
});

test("messages outside the sequence keep their place and are not acknowledged", () => {
    const { log, queue, paint } = setUp();
    queue.push(frame(1), 10, null);
    queue.push(null, 0, paint("resize"));
    queue.settle(1, paint("video"));
    assert.deepEqual(log, ["paint video", "ack 1 0 1", "paint resize"]);
});

test("clearing discards what was decoded and paints nothing", () => {
    const { log, queue, paint } = setUp();
    queue.push(frame(1), 10, null);
    queue.push(frame(2), 10, null);
    queue.settle(2, paint("second"));
    queue.clear();
    assert.deepEqual(log, ["discard second"]);
    assert.equal(queue.settle(1, NOTHING), false);
});

test("a stream that never stops is refused, by count and by bytes", () => {
    const many = setUp().queue;
    for (let i = 1; i <= MAX_QUEUED_MESSAGES; i++) {
        many.push(frame(i), 1, null);
    }
    assert.throws(() => many.push(frame(MAX_QUEUED_MESSAGES + 1), 1, null), WireError);
    const large = setUp().queue;
    large.push(frame(1), MAX_QUEUED_BYTES, null);
    assert.throws(() => large.push(frame(2), 1, null), WireError);
});
