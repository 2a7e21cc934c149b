import assert from "node:assert/strict";
import { test } from "node:test";
import { CHUNK_SAMPLES, Chunks } from "../src/sound/chunks";
import { Lips } from "../src/sound/lips";
import { Playout, SAMPLE_RATE } from "../src/sound/playout";

const PACKET = 480;
const QUANTUM = 128;

/** A player with a clock: packets are captured each 10 ms of the streamer's clock and come when the test says. */
class Rig {
    readonly playout = new Playout();
    readonly heard: number[] = [];
    private sent = 0;
    private phase = 0;
    captured = 1e9;

    /** One packet of a 440 Hz tone. */
    packet(): void {
        const samples = new Float32Array(PACKET);
        for (let i = 0; i < PACKET; i++, this.phase++) {
            samples[i] = 0.5 * Math.sin((2 * Math.PI * 440 * this.phase) / SAMPLE_RATE);
        }
        this.playout.push(samples, samples.slice(), this.captured);
        this.captured += 10_000;
        this.sent++;
    }

    pull(): number {
        const left = new Float32Array(QUANTUM);
        this.playout.pull(left, new Float32Array(QUANTUM));
        this.heard.push(...left);
        return left.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
    }

    /** Plays on, with packets as fast as `rate` times real time, each late by up to `jitter` ms. */
    run(seconds: number, rate = 1, jitter: (packet: number) => number = () => 0): void {
        const first = this.sent;
        const arrivals = Array.from({ length: Math.round(seconds * 100 * rate) }, (_, i) => (i * 10) / rate + jitter(first + i));
        let next = 0;
        let last = -Infinity;
        for (let samples = 0; samples < seconds * SAMPLE_RATE; samples += QUANTUM) {
            // In order, however late one is.
            while (next < arrivals.length && (last = Math.max(last, arrivals[next]!)) <= (samples * 1000) / SAMPLE_RATE) {
                this.packet();
                next++;
            }
            this.pull();
        }
    }
}

/** Of zero, upwards, per second. */
function frequency(samples: number[]): number {
    let count = 0;
    for (let i = 1; i < samples.length; i++) {
        count += samples[i - 1]! < 0 && samples[i]! >= 0 ? 1 : 0;
    }
    return (count * SAMPLE_RATE) / samples.length;
}

test("a tone is played on, with what was decided to lie ready", () => {
    const rig = new Rig();
    rig.run(4);
    const { levelMs, targetMs, underruns, skips } = rig.playout.report();
    assert.equal(underruns + skips, 0);
    assert.ok(Math.abs(levelMs - targetMs) < 12, `${levelMs} ms`);
    assert.ok(targetMs <= 40);
    assert.ok(Math.abs(frequency(rig.heard.slice(SAMPLE_RATE)) - 440) < 3);
});

test("a streamer's clock that runs faster or slower is followed", () => {
    for (const rate of [0.999, 1.001]) {
        const rig = new Rig();
        rig.run(60, rate);
        const { levelMs, targetMs, underruns, skips } = rig.playout.report();
        assert.equal(underruns + skips, 0, `rate ${rate}`);
        assert.ok(Math.abs(levelMs - targetMs) < 25, `${levelMs} ms of ${targetMs} at ${rate}`);
    }
});

test("packets that are late by turns lead to more patience, and to less when they are not", () => {
    const rig = new Rig();
    rig.run(20, 1, (packet) => (packet % 50 === 0 ? 90 : 0));
    const { underruns, targetMs } = rig.playout.report();
    assert.ok(underruns > 0 && underruns < 6, `${underruns} underruns`);
    assert.ok(targetMs > 60);
    rig.run(120);
    const after = rig.playout.report();
    assert.equal(after.underruns, underruns);
    assert.ok(after.targetMs <= 40 && after.levelMs < 60, `${after.levelMs} ms`);
});

test("after a stall the delay does not stay", () => {
    const rig = new Rig();
    rig.run(2);
    for (let i = 0; i < 60; i++) {
        rig.packet();
    }
    rig.run(1);
    const { levelMs, skips } = rig.playout.report();
    assert.equal(skips, 1);
    assert.ok(levelMs < 80, `${levelMs} ms`);
});

test("a limit holds whatever the packets do, and what is too much goes at once", () => {
    const rig = new Rig();
    const late = (packet: number) => (packet % 100 === 50 ? 90 : 0);
    rig.run(20, 1, late);
    const patient = rig.playout.report();
    assert.ok(patient.targetMs > 60, `${patient.targetMs} ms`);
    rig.playout.limit(50);
    assert.ok(rig.playout.report().levelMs <= patient.levelMs - (patient.targetMs - 50) + 1);
    rig.run(10, 1, late);
    const limited = rig.playout.report();
    assert.ok(limited.targetMs <= 50 && limited.levelMs < 100, JSON.stringify(limited));
    rig.playout.limit(200);
    rig.run(10, 1, late);
    assert.ok(rig.playout.report().targetMs > 50);
});

test("sound that comes after its picture is kept shorter, while there are pictures", () => {
    const lips = new Lips();
    assert.equal(lips.look({ targetMs: 120, behindMs: 100, pictureAgeMs: 10 }, 0), 95);
    assert.equal(lips.look({ targetMs: 120, behindMs: 100, pictureAgeMs: 10 }, 500), null);
    assert.equal(lips.look({ targetMs: 90, behindMs: 77, pictureAgeMs: 10 }, 1000), null);
    assert.equal(lips.look({ targetMs: 90, behindMs: 40, pictureAgeMs: 10 }, 2000), 125);
    assert.equal(lips.look({ targetMs: 90, behindMs: 140, pictureAgeMs: 5000 }, 3000), 200);
    assert.equal(lips.look({ targetMs: 90, behindMs: null, pictureAgeMs: 0 }, 4000), 200);
});

test("a microphone's blocks become packets, no sample lost", () => {
    const chunks: Float32Array[] = [];
    const cut = new Chunks((chunk) => chunks.push(chunk));
    let next = 0;
    for (const length of [128, 128, 1, 2000, 4000, 343]) {
        cut.push(Float32Array.from({ length }, () => next++));
    }
    assert.equal(chunks.length, Math.floor(next / CHUNK_SAMPLES));
    assert.deepEqual(chunks.flatMap((chunk) => [...chunk]), Array.from({ length: chunks.length * CHUNK_SAMPLES }, (_, i) => i));
});

test("silence between sounds is no lateness", () => {
    const rig = new Rig();
    for (let i = 0; i < 5; i++) {
        rig.run(0.5);
        rig.captured += 2e6;
        while (rig.pull() > 0) {
            // until it has faded
        }
    }
    assert.equal(rig.playout.report().underruns, 0);
    assert.equal(rig.playout.report().captured, -1);
});

test("a short sound is played although nothing follows it", () => {
    const rig = new Rig();
    rig.packet();
    let peak = 0;
    for (let i = 0; i < 40; i++) {
        peak = Math.max(peak, rig.pull());
    }
    assert.ok(peak > 0.4);
});

test("a flood costs no memory and no more delay than is permitted", () => {
    const rig = new Rig();
    for (let i = 0; i < 10_000; i++) {
        rig.packet();
    }
    assert.ok(rig.playout.report().levelMs < 1000);
    rig.pull();
    assert.ok(rig.playout.report().levelMs <= 200);
    rig.playout.push(new Float32Array(10 * SAMPLE_RATE), new Float32Array(10 * SAMPLE_RATE), 0);
    assert.ok(rig.playout.report().levelMs < 1000);
});
