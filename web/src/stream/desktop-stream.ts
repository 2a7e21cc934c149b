import { NOTHING, PaintQueue, type Paint, type QueuedFrame } from "./paint-queue";
import type { Picture } from "./picture";
import type { LastFrame, PaintTimes, StreamStatistics } from "./statistics";
import { MediaSourceVideo } from "./media-source-video";
import { type DecodedFrame, Video, type VideoDecoding, type VideoEvents } from "./video";
import {
    type ClipboardMessage,
    decodeMessage,
    encodeAcknowledge,
    encodeGreeting,
    encodeRefresh,
    type FrameHeader,
    type Point,
    type Rectangle,
    type Size,
    type StreamMessage,
    WireError,
} from "./wire";

export interface Cursor {
    size: Size;
    hotX: number;
    hotY: number;
    pixels: Uint8Array;
}

export interface StreamEvents {
    send(message: ArrayBuffer): void;
    /** The stream starts anew. */
    hello(size: Size): void;
    resized(size: Size): void;
    cursor(cursor: Cursor): void;
    /** The pointer has gone there, and not by this client's input. */
    pointer(place: Point): void;
    /** May throw WireError. */
    clipboard(message: ClipboardMessage): void;
    /** An Opus packet, captured at that µs of the streamer's clock. */
    sound(packet: Uint8Array, captured: number): void;
    painted(): void;
    /** The stream breaks the protocol; nothing more is taken from it. */
    broken(reason: string): void;
    /** This browser can't show this stream; trying again is no use. */
    unsupported(detail: string): void;
}

/** More decoder failures than this within the period: the browser can't play this stream. */
const MAX_FAILURES = 5;
const FAILURE_PERIOD_MS = 10_000;

/** One connection's stream: messages in, pixels and acknowledgements out. */
export class DesktopStream {
    private readonly queue: PaintQueue;
    private readonly video: VideoDecoding;
    private size: Size | null = null;
    private codec = "";
    private sequence = 0;
    private failures: number[] = [];
    private frames = new Map<number, { origin: Point; rectangles: Rectangle[] }>();

    constructor(
        private readonly picture: Picture,
        private readonly statistics: StreamStatistics,
        private readonly events: StreamEvents,
    ) {
        this.queue = new PaintQueue(
            (frame, times, queued) => this.painted(frame, times, queued),
            () => performance.now(),
        );
        this.video = chooseVideo({
            frame: (sequence, frame) => this.guarded(() => this.decoded(sequence, frame)),
            failed: (reason) => this.guarded(() => this.decoderFailed(reason)),
        });
    }

    receive(buffer: ArrayBuffer): void {
        this.statistics.bytesReceived += buffer.byteLength;
        this.guarded(() => this.take(buffer));
    }

    close(): void {
        this.video.close();
        this.queue.clear();
        this.frames.clear();
    }

    private guarded(action: () => void): void {
        try {
            action();
        } catch (error) {
            this.close();
            this.events.broken(error instanceof Error ? error.message : String(error));
        }
    }

    private take(buffer: ArrayBuffer): void {
        const message = decodeMessage(buffer, this.size);
        switch (message.kind) {
            case "hello":
                this.start(message.size, message.codec);
                break;
            case "video":
                this.takeVideo(message, buffer.byteLength);
                break;
            case "lossless":
                this.takeSequence(message.header, { kind: "lossless", bytes: buffer.byteLength, key: false });
                this.queue.push(message.header, buffer.byteLength, paintOnly(() =>
                    this.picture.paintLossless(message),
                ));
                break;
            case "copy":
                this.takeSequence(message.header, { kind: "copy", bytes: buffer.byteLength, key: false });
                this.queue.push(message.header, buffer.byteLength, paintOnly(() =>
                    this.picture.copy(message.copies),
                ));
                break;
            case "cursor":
                this.events.cursor(message);
                break;
            case "pointer":
                this.events.pointer(message.place);
                break;
            case "display":
                this.resize(message.size, message.codec);
                break;
            case "statistics":
                this.statistics.streamer = message.statistics;
                break;
            case "clipboard":
                this.events.clipboard(message.message);
                break;
            case "audio":
                this.events.sound(message.data, Number(message.captured));
                break;
        }
    }

    private start(size: Size, codec: string): void {
        this.close();
        this.size = size;
        this.codec = codec;
        this.sequence = 0;
        this.statistics.restart(codec, this.video.path);
        this.picture.resize(size);
        this.picture.restart();
        // The streamer's first measure of the way, before anything large is on it.
        this.events.send(encodeGreeting());
        this.events.hello(size);
        this.video.open(codec, size);
        void this.checkSupport(codec, size);
    }

    private async checkSupport(codec: string, size: Size): Promise<void> {
        const supported = await this.video.supported(codec, size);
        if (!supported && this.codec === codec) {
            this.events.unsupported(`This browser has no decoder for ${codec}.`);
        }
    }

    private takeSequence(header: FrameHeader, frame: LastFrame): void {
        if (header.sequence !== this.sequence + 1) {
            throw new WireError(`sequence ${header.sequence} after ${this.sequence}`);
        }
        this.sequence = header.sequence;
        this.statistics.arrived(header, frame, performance.now());
    }

    private takeVideo(message: StreamMessage & { kind: "video" }, bytes: number): void {
        this.takeSequence(message.header, { kind: "video", bytes, key: message.key });
        const sequence = message.header.sequence;
        this.frames.set(sequence, { origin: message.origin, rectangles: message.rectangles });
        if (message.key) {
            this.queue.push(null, 0, paintOnly(() => this.picture.restart()));
        }
        this.queue.push(message.header, bytes, null);
        if (!this.video.decode(sequence, message.key, message.data)) {
            this.frames.delete(sequence);
            this.queue.settle(sequence, NOTHING);
        }
    }

    /**
     * A frame of the old size that is still being decoded is passed over: the next one is a key frame of the whole display. The old picture
     * stays until then.
     */
    private resize(size: Size, codec: string): void {
        if (size.width === this.size?.width && size.height === this.size.height) {
            return;
        }
        this.size = size;
        this.codec = codec;
        this.statistics.codec = codec;
        this.frames.clear();
        this.video.open(codec, size);
        this.queue.abandon();
        this.queue.push(null, 0, paintOnly(() => {
            this.picture.resize(size);
            this.events.resized(size);
        }));
    }

    private decoded(sequence: number, frame: DecodedFrame | null): void {
        const where = this.frames.get(sequence);
        this.frames.delete(sequence);
        if (frame === null) {
            this.queue.settle(sequence, NOTHING);
            return;
        }
        const paint: Paint = {
            paint: () => {
                try {
                    if (where !== undefined) {
                        this.picture.paintFrame(frame, where.origin, where.rectangles);
                    }
                } finally {
                    frame.close();
                }
            },
            discard: () => frame.close(),
        };
        if (!this.queue.settle(sequence, paint)) {
            frame.close();
        }
    }

    private decoderFailed(reason: string): void {
        const now = performance.now();
        this.statistics.decoderFailures++;
        this.failures = [...this.failures.filter((time) => now - time < FAILURE_PERIOD_MS), now];
        this.frames.clear();
        if (this.failures.length > MAX_FAILURES || this.size === null) {
            this.events.unsupported(`The video decoder keeps failing: ${reason}`);
            return;
        }
        this.video.open(this.codec, this.size);
        this.queue.abandon();
        this.events.send(encodeRefresh());
    }

    private painted(frame: QueuedFrame, times: PaintTimes, queued: number): void {
        this.statistics.painted(frame.sequence, times);
        if (!frame.more) {
            this.events.send(encodeAcknowledge(frame.sequence, (times.painted - times.arrived) * 1000, queued));
        }
        this.events.painted();
    }
}

function chooseVideo(events: VideoEvents): VideoDecoding {
    return typeof VideoDecoder === "undefined" ? new MediaSourceVideo(events) : new Video(events);
}

function paintOnly(paint: () => void): Paint {
    return { paint, discard: () => undefined };
}
