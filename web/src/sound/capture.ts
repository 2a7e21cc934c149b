import { SAMPLE_RATE } from "./playout";
import { CHUNK_SAMPLES } from "./chunks";

/** The address of the worklet's script; the build puts it in. */
declare const SOUND_WORKLET: string;

const CONFIG: AudioEncoderConfig & { opus: { frameDuration: number; application: string } } = {
    codec: "opus",
    sampleRate: SAMPLE_RATE,
    numberOfChannels: 1,
    bitrate: 32_000,
    opus: { frameDuration: (CHUNK_SAMPLES * 1_000_000) / SAMPLE_RATE, application: "voip" },
};
/** Chunks in the encoder: with more, this machine is too busy, and what is new is not to wait. */
const MAX_ENCODING = 10;

export interface CaptureEvents {
    packet(packet: Uint8Array): void;
    /** It has ended by itself. */
    ended(detail: string): void;
}

export function canCapture(): boolean {
    return typeof AudioEncoder !== "undefined" && typeof AudioWorkletNode !== "undefined" && navigator.mediaDevices !== undefined;
}

/** The browser's microphone as Opus packets of 20 ms. */
export class Capture {
    private readonly encoder: AudioEncoder;
    private time = 0;
    private closed = false;

    private constructor(
        private readonly stream: MediaStream,
        private readonly context: AudioContext,
        private readonly events: CaptureEvents,
    ) {
        this.encoder = new AudioEncoder({
            output: (chunk) => {
                const packet = new Uint8Array(chunk.byteLength);
                chunk.copyTo(packet);
                events.packet(packet);
            },
            error: (error) => this.fail(`The encoder failed: ${error.message}`),
        });
        this.encoder.configure(CONFIG);
    }

    /** Asks the user, where the browser does. Throws what is wrong, in words. */
    static async open(events: CaptureEvents): Promise<Capture> {
        const { supported } = await AudioEncoder.isConfigSupported(CONFIG);
        if (supported !== true) {
            throw new Error("This browser has no encoder for Opus.");
        }
        const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } }).catch((error: unknown) => {
            throw new Error(reasonOf(error));
        });
        // The context takes over the rates: one of 48 kHz resamples what the microphone has.
        const context = new AudioContext({ sampleRate: SAMPLE_RATE });
        try {
            await context.audioWorklet.addModule(SOUND_WORKLET);
            await context.resume();
            const capture = new Capture(stream, context, events);
            capture.connect();
            return capture;
        } catch (error) {
            stream.getTracks().forEach((track) => track.stop());
            void context.close();
            throw error;
        }
    }

    /** A muted one tells the system so by silence, and nothing leaves the page. */
    set muted(muted: boolean) {
        this.stream.getAudioTracks().forEach((track) => (track.enabled = !muted));
    }

    close(): void {
        if (this.closed) {
            return;
        }
        this.closed = true;
        this.stream.getTracks().forEach((track) => track.stop());
        if (this.encoder.state !== "closed") {
            this.encoder.close();
        }
        void this.context.close().catch(() => undefined);
    }

    private connect(): void {
        const node = new AudioWorkletNode(this.context, "microphone", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
        node.port.onmessage = ({ data }: MessageEvent<Float32Array<ArrayBuffer>>) => this.encode(data);
        this.context.createMediaStreamSource(this.stream).connect(node);
        for (const track of this.stream.getAudioTracks()) {
            track.onended = () => this.fail("The microphone was taken away.");
        }
    }

    private encode(samples: Float32Array<ArrayBuffer>): void {
        if (this.closed || this.encoder.state !== "configured" || this.encoder.encodeQueueSize > MAX_ENCODING) {
            return;
        }
        const data = new AudioData({
            format: "f32-planar",
            sampleRate: SAMPLE_RATE,
            numberOfFrames: samples.length,
            numberOfChannels: 1,
            timestamp: this.time,
            data: samples,
        });
        this.time += (samples.length * 1_000_000) / SAMPLE_RATE;
        this.encoder.encode(data);
        data.close();
    }

    private fail(detail: string): void {
        if (!this.closed) {
            this.close();
            this.events.ended(detail);
        }
    }
}

function reasonOf(error: unknown): string {
    switch (error instanceof DOMException ? error.name : "") {
        case "NotAllowedError":
            return "The browser does not permit it. Allow the microphone for this page.";
        case "NotFoundError":
            return "There is no microphone.";
        case "NotReadableError":
            return "Another program has the microphone.";
        default:
            return error instanceof Error ? error.message : String(error);
    }
}
