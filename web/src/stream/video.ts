import type { DecodingPath } from "./statistics";
import type { Size } from "./wire";

/** Nothing decoded for this long while something waits: the decoder holds frames or hangs. */
export const STALLED_MS = 3_000;

/** A decoded picture that can be painted until it is closed. */
export interface DecodedFrame {
    image: VideoFrame | HTMLVideoElement;
    width: number;
    height: number;
    close(): void;
}

export interface VideoEvents {
    /** The receiver closes the frame. null: it was decoded, but its picture is gone. */
    frame(sequence: number, frame: DecodedFrame | null): void;
    /** Nothing given to the decoder until now will come back; the next frame has to be a key frame. */
    failed(reason: string): void;
}

/** A way from access units to pictures. */
export interface VideoDecoding {
    readonly path: DecodingPath;
    supported(codec: string, size: Size): Promise<boolean>;
    /** Starts anew: what an earlier decoder still holds is dropped without a word. */
    open(codec: string, size: Size): void;
    close(): void;
    /** False when the access unit can't be used: it depends on a frame that was never decoded. */
    decode(sequence: number, key: boolean, data: Uint8Array): boolean;
}

/** One WebCodecs decoder, for H.264 in Annex B, replaced as a whole after any failure. */
export class Video implements VideoDecoding {
    readonly path = "WebCodecs";
    private decoder: VideoDecoder | null = null;
    private needsKey = true;
    private pending = 0;
    private stalled: ReturnType<typeof setTimeout> | undefined;

    constructor(private readonly events: VideoEvents) {}

    async supported(codec: string, { width, height }: Size): Promise<boolean> {
        const config = { codec, codedWidth: width, codedHeight: height, optimizeForLatency: true };
        return (await VideoDecoder.isConfigSupported(config).catch(() => null))?.supported === true;
    }

    open(codec: string, size: Size): void {
        this.close();
        const decoder = new VideoDecoder({
            output: (frame) => this.output(decoder, frame),
            error: (error) => this.fail(decoder, error.message),
        });
        this.decoder = decoder;
        this.needsKey = true;
        try {
            decoder.configure({
                codec,
                codedWidth: size.width,
                codedHeight: size.height,
                optimizeForLatency: true,
            });
        } catch (error) {
            this.fail(decoder, String(error));
        }
    }

    close(): void {
        const decoder = this.decoder;
        this.decoder = null;
        this.pending = 0;
        clearTimeout(this.stalled);
        this.stalled = undefined;
        if (decoder !== null && decoder.state !== "closed") {
            decoder.close();
        }
    }

    decode(sequence: number, key: boolean, data: Uint8Array): boolean {
        const decoder = this.decoder;
        if (decoder === null || decoder.state !== "configured" || (this.needsKey && !key)) {
            return false;
        }
        this.needsKey = false;
        this.pending++;
        this.watch(decoder);
        try {
            decoder.decode(new EncodedVideoChunk({ type: key ? "key" : "delta", timestamp: sequence, data }));
        } catch (error) {
            this.fail(decoder, String(error));
            return false;
        }
        return true;
    }

    private output(decoder: VideoDecoder, frame: VideoFrame): void {
        if (decoder !== this.decoder) {
            frame.close();
            return;
        }
        this.pending = Math.max(this.pending - 1, 0);
        clearTimeout(this.stalled);
        this.stalled = undefined;
        if (this.pending > 0) {
            this.watch(decoder);
        }
        this.events.frame(frame.timestamp, {
            image: frame,
            width: frame.displayWidth,
            height: frame.displayHeight,
            close: () => frame.close(),
        });
    }

    private watch(decoder: VideoDecoder): void {
        this.stalled ??= setTimeout(() => this.fail(decoder, "the decoder stopped answering"), STALLED_MS);
    }

    private fail(decoder: VideoDecoder, reason: string): void {
        if (decoder === this.decoder) {
            this.close();
            this.events.failed(reason);
        }
    }
}
