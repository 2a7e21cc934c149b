import { SAMPLE_RATE } from "./playout";
import type { WorkletInput, WorkletLimit, WorkletReport } from "./worklet";

/** The address of the worklet's script; the build puts it in. */
declare const SOUND_WORKLET: string;

const CHANNELS = 2;
/** Packets in the decoder: with more, the page has been away and what is new is not to be waited for. */
const MAX_DECODING = 50;
const MAX_FAILURES = 5;
/** A context that plays silence costs the browser as much as one that plays. */
const IDLE_MS = 10_000;

export interface PlayerEvents {
    /** The browser lets us play, or does not yet. */
    permitted(permitted: boolean): void;
    report(report: WorkletReport, heardAt: number): void;
    /** Playing is not possible; trying again is no use. */
    failed(detail: string): void;
}

export function canPlay(): boolean {
    return typeof AudioDecoder !== "undefined" && typeof AudioWorkletNode !== "undefined";
}

/** Opus packets to the loudspeakers. Made by a click, where the browser insists on one. */
export class SoundPlayer {
    private readonly context = new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: "interactive" });
    private node: AudioWorkletNode | null = null;
    private decoder: AudioDecoder | null = null;
    /** Of what is in the decoder, in order: browsers count their own timestamps on from the first one, over silence too. */
    private captured: number[] = [];
    private failures = 0;
    private idle: ReturnType<typeof setTimeout> | undefined;
    private resting = false;
    private closed = false;

    constructor(private readonly events: PlayerEvents) {
        this.context.onstatechange = () => this.tellPermission();
        void this.open();
    }

    /** Called by a gesture: the browser may have waited for it. */
    resume(): void {
        this.resting = false;
        void this.context.resume().catch(() => undefined);
    }

    /** Packets of 10 ms; `captured` in µs of the streamer's clock. */
    play(packet: Uint8Array, captured: number): void {
        if (this.node === null || this.closed) {
            return;
        }
        clearTimeout(this.idle);
        this.idle = setTimeout(() => this.rest(), IDLE_MS);
        if (this.resting) {
            this.resume();
        }
        this.decoder ??= this.openDecoder();
        if (this.decoder.decodeQueueSize <= MAX_DECODING) {
            this.captured.push(captured);
            this.decoder.decode(new EncodedAudioChunk({ type: "key", timestamp: captured, data: packet }));
        }
    }

    limit(mostMs: number): void {
        const message: WorkletLimit = { mostMs };
        this.node?.port.postMessage(message);
    }

    close(): void {
        this.closed = true;
        clearTimeout(this.idle);
        this.closeDecoder();
        this.context.onstatechange = null;
        void this.context.close().catch(() => undefined);
    }

    /** For tests: what is heard can be looked at there. */
    get output(): { context: AudioContext; node: AudioWorkletNode } | null {
        return this.node && { context: this.context, node: this.node };
    }

    private async open(): Promise<void> {
        try {
            const support = await AudioDecoder.isConfigSupported(config());
            if (support.supported !== true) {
                this.events.failed("This browser has no decoder for Opus.");
                return;
            }
            await this.context.audioWorklet.addModule(SOUND_WORKLET);
        } catch (error) {
            if (!this.closed) {
                this.events.failed(`The sound can't be played: ${error instanceof Error ? error.message : String(error)}`);
            }
            return;
        }
        if (this.closed) {
            return;
        }
        this.node = new AudioWorkletNode(this.context, "desktop-sound", { numberOfInputs: 0, outputChannelCount: [CHANNELS] });
        this.node.port.onmessage = ({ data }: MessageEvent<WorkletReport>) => this.events.report(data, this.heardAt(data.time));
        this.node.connect(this.context.destination);
        this.tellPermission();
    }

    private tellPermission(): void {
        if (this.node !== null && !this.closed) {
            this.events.permitted(this.context.state === "running" || this.resting);
        }
    }

    private rest(): void {
        this.resting = true;
        void this.context.suspend().catch(() => undefined);
    }

    private openDecoder(): AudioDecoder {
        const decoder = new AudioDecoder({
            output: (data) => this.decoded(data),
            error: (error) => this.decoderFailed(error.message),
        });
        decoder.configure(config());
        return decoder;
    }

    private closeDecoder(): void {
        const decoder = this.decoder;
        this.decoder = null;
        this.captured = [];
        if (decoder !== null && decoder.state !== "closed") {
            decoder.close();
        }
    }

    private decoderFailed(reason: string): void {
        this.decoder = null;
        this.captured = [];
        if (++this.failures > MAX_FAILURES) {
            this.events.failed(`The sound decoder keeps failing: ${reason}`);
        }
    }

    private decoded(data: AudioData): void {
        try {
            const captured = this.captured.shift() ?? data.timestamp;
            const message: WorkletInput = { left: plane(data, 0), right: plane(data, data.numberOfChannels - 1), captured };
            this.node?.port.postMessage(message, [message.left.buffer, message.right.buffer]);
        } finally {
            data.close();
        }
    }

    /** When a time of the context reaches the ear, by performance.now(). */
    private heardAt(time: number): number {
        const { contextTime, performanceTime } = this.context.getOutputTimestamp();
        if (contextTime === undefined || performanceTime === undefined || contextTime === 0) {
            return performance.now() + ((time - this.context.currentTime) + this.context.baseLatency) * 1000;
        }
        return performanceTime + (time - contextTime) * 1000;
    }
}

function config(): AudioDecoderConfig {
    return { codec: "opus", sampleRate: SAMPLE_RATE, numberOfChannels: CHANNELS };
}

function plane(data: AudioData, planeIndex: number): Float32Array {
    const samples = new Float32Array(data.numberOfFrames);
    data.copyTo(samples, { planeIndex, format: "f32-planar" });
    return samples;
}
