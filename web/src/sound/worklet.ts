import { Chunks } from "./chunks";
import { Playout, type PlayoutReport, SAMPLE_RATE } from "./playout";

/** What the page sends; the buffers are given away. */
export interface WorkletInput {
    left: Float32Array;
    right: Float32Array;
    captured: number;
}

/** Or: at most so many milliseconds are to be kept ready. */
export interface WorkletLimit {
    mostMs: number;
}

/** What the page hears from time to time while there is sound. */
export interface WorkletReport extends PlayoutReport {
    /** The context's time at which `captured` is handed to the output. */
    time: number;
}

declare const currentTime: number;
declare function registerProcessor(name: string, processor: unknown): void;
declare class AudioWorkletProcessor {
    readonly port: MessagePort;
}

const REPORT_SAMPLES = SAMPLE_RATE / 4;

class SoundProcessor extends AudioWorkletProcessor {
    private readonly playout = new Playout();
    private unreported = 0;

    constructor() {
        super();
        this.port.onmessage = ({ data }: MessageEvent<WorkletInput | WorkletLimit>) => {
            if ("mostMs" in data) {
                this.playout.limit(data.mostMs);
            } else {
                this.playout.push(data.left, data.right, data.captured);
            }
        };
    }

    process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
        const [left, right] = outputs[0] ?? [];
        if (left === undefined || right === undefined) {
            return true;
        }
        const report = this.unreported > REPORT_SAMPLES ? this.playout.report() : null;
        if (report !== null && report.captured >= 0) {
            this.unreported = 0;
            const message: WorkletReport = { ...report, time: currentTime };
            this.port.postMessage(message);
        }
        this.playout.pull(left, right);
        this.unreported += left.length;
        return true;
    }
}

class MicrophoneProcessor extends AudioWorkletProcessor {
    private readonly chunks = new Chunks((chunk) => this.port.postMessage(chunk, [chunk.buffer]));

    process(inputs: Float32Array[][]): boolean {
        const channel = inputs[0]?.[0];
        if (channel !== undefined) {
            this.chunks.push(channel);
        }
        return true;
    }
}

registerProcessor("desktop-sound", SoundProcessor);
registerProcessor("microphone", MicrophoneProcessor);
