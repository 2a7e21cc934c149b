import type { FrameHeader, StreamerStatistics } from "./wire";

const SAMPLES = 256;
/** Input that waits for its frame; beyond it nobody is answering. */
const MAX_INPUTS = 256;

/** A frame that comes later is no answer: the input showed nothing. */
const ANSWER_MS = 3_000;

/** Where a frame's time goes, in order, in ms. */
export const STAGES = ["input", "waited", "converted", "encoded", "queued", "decoded", "painted"] as const;
export type Stage = (typeof STAGES)[number];

export type FrameKind = "video" | "lossless" | "copy";
export const FRAME_KINDS: readonly FrameKind[] = ["video", "lossless", "copy"];

/** How video reaches the canvas. */
export type DecodingPath = "WebCodecs" | "Media Source" | "none";

/** The value below which `share` of the samples lie; 0 without samples. */
export function percentile(samples: readonly number[], share: number): number {
    if (samples.length === 0) {
        return 0;
    }
    const sorted = [...samples].sort((a, b) => a - b);
    return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)]!;
}

/** Of so many the usual way of a picture is told: it follows a machine that has become busy. */
const LATEST_PICTURES = 32;

/** The last values. */
class Samples {
    private readonly values: number[] = [];
    private next = 0;

    constructor(private readonly capacity = SAMPLES) {}

    add(value: number): void {
        this.values[this.next] = value;
        this.next = (this.next + 1) % this.capacity;
    }

    get known(): boolean {
        return this.values.length > 0;
    }

    at(share: number): number {
        return percentile(this.values, share);
    }
}

export interface LastFrame {
    kind: FrameKind;
    bytes: number;
    key: boolean;
}

export interface SoundStatistics {
    packets: number;
    bytes: number;
    /** Times that it stopped because a packet was late. */
    gaps: number;
    /** What lies ready to be played, and should. */
    levelMs: number;
    targetMs: number;
    /** How much later than a picture of the same moment a sound reaches its user; negative: earlier. null: not known. */
    behindMs: number | null;
}

/** When an entry of the paint queue came, could be painted, and was painted, in ms of performance.now(). */
export interface PaintTimes {
    arrived: number;
    ready: number;
    painted: number;
}

/** Counters of one desktop page, over all its connections. */
export class StreamStatistics {
    framesPainted = 0;
    lastSequence = 0;
    bytesReceived = 0;
    codec = "";
    path: DecodingPath = "none";
    decoderFailures = 0;
    streamer: StreamerStatistics | null = null;
    lastFrame: LastFrame | null = null;
    sound: SoundStatistics = { packets: 0, bytes: 0, gaps: 0, levelMs: 0, targetMs: 0, behindMs: null };
    readonly bytes: Record<FrameKind, number> = { video: 0, lossless: 0, copy: 0 };
    private readonly decoding = new Samples();
    private readonly stages = Object.fromEntries(STAGES.map((stage) => [stage, new Samples()])) as Record<Stage, Samples>;
    /** From a picture's capture by the streamer's clock until it was painted, by ours. */
    private pictureWay = new Samples(LATEST_PICTURES);
    /** By performance.now(); -Infinity: nothing yet. */
    lastPaintedAt = -Infinity;
    private waiting = new Map<number, FrameHeader>();
    private inputs: { number: number; sent: number }[] = [];
    /** The least that lay between a capture by the streamer's clock and the arrival by ours. */
    private shortestWay = Infinity;

    /** The stream starts anew, perhaps from another streamer with another clock. */
    restart(codec: string, path: DecodingPath): void {
        this.codec = codec;
        this.path = path;
        this.lastSequence = 0;
        this.streamer = null;
        this.waiting.clear();
        this.shortestWay = Infinity;
        this.pictureWay = new Samples(LATEST_PICTURES);
        this.sound = { ...this.sound, behindMs: null };
    }

    /** `way`: from the capture by the streamer's clock until it is heard by ours. */
    soundHeard(report: { levelMs: number; targetMs: number; underruns: number }, way: number): void {
        const picture = this.pictureWay.known ? this.pictureWay.at(0.5) : null;
        this.sound = {
            ...this.sound,
            gaps: report.underruns,
            levelMs: report.levelMs,
            targetMs: report.targetMs,
            behindMs: picture === null ? null : way - picture,
        };
    }

    /** A new connection numbers its input from 1. */
    connected(): void {
        this.inputs = [];
    }

    inputSent(number: number, now: number): void {
        this.inputs.push({ number, sent: now });
        if (this.inputs.length > MAX_INPUTS) {
            this.inputs.shift();
        }
    }

    arrived(header: FrameHeader, frame: LastFrame, now: number): void {
        this.lastFrame = frame;
        this.bytes[frame.kind] += frame.bytes;
        this.waiting.set(header.sequence, header);
        const work = (header.converted + header.encoded) / 1000;
        const way = now - Number(header.captured) / 1000 - work;
        this.shortestWay = Math.min(this.shortestWay, way);
        this.stages.waited.add(header.waited / 1000);
        this.stages.converted.add(header.converted / 1000);
        this.stages.encoded.add(header.encoded / 1000);
        this.stages.queued.add(way - this.shortestWay);
    }

    painted(sequence: number, times: PaintTimes): void {
        this.framesPainted++;
        this.lastPaintedAt = times.painted;
        this.lastSequence = sequence;
        this.decoding.add(times.painted - times.arrived);
        this.stages.decoded.add(times.ready - times.arrived);
        this.stages.painted.add(times.painted - times.ready);
        const header = this.waiting.get(sequence);
        this.waiting.delete(sequence);
        if (header !== undefined) {
            this.pictureWay.add(times.painted - Number(header.captured) / 1000);
            this.answered(header.input, times.painted);
        }
    }

    /** The first frame that was captured after some input was handled shows its effect, where it has one. */
    private answered(input: number, painted: number): void {
        while (this.inputs.length > 0 && this.inputs[0]!.number <= input) {
            const passed = painted - this.inputs.shift()!.sent;
            if (passed < ANSWER_MS) {
                this.stages.input.add(passed);
            }
        }
    }

    /** Milliseconds from a message's arrival to its pixels, over the last 256 messages. */
    decodeMilliseconds(share: number): number {
        return this.decoding.at(share);
    }

    stageMilliseconds(stage: Stage, share: number): number {
        return this.stages[stage].at(share);
    }

    /** Half of the shortest round trip that the streamer has seen. */
    get wayMilliseconds(): number {
        return (this.streamer?.roundTrip ?? 0) / 2000;
    }

    /** Share of the bytes that brought pixels without loss. */
    get losslessShare(): number {
        const all = this.bytes.video + this.bytes.lossless + this.bytes.copy;
        return all === 0 ? 0 : (this.bytes.lossless + this.bytes.copy) / all;
    }
}
