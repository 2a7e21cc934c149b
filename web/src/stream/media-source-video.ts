import { nalUnits } from "./annexb";
import { fragment, initialization } from "./fragmented-mp4";
import type { Size } from "./wire";
import { type DecodedFrame, type VideoDecoding, type VideoEvents, STALLED_MS } from "./video";

/** Each frame's share of a timeline of its own: real pauses would have the browser wait for more before it shows anything. */
const FRAME_MS = 16;
/** Further behind the newest frame than this, playing catches up by a jump. */
const BEHIND_MS = 100;
/** A frame that is not shown so long after it was given: the player waits for another one, or its clock has run ahead. */
const NUDGE_MS = 60;
/** What is played is removed in pieces of so many frames. */
const KEPT_FRAMES = 500;
/** Frames given and not shown; a stream keeps far fewer un-acknowledged. */
const PENDING_MAX = 256;

/**
 * Video where WebCodecs is missing: a hidden <video> plays fragments of one frame each, and lends its picture for painting. A frame that is
 * skipped by the player is painted from the next one: only its own rectangles are taken, which later frames keep or replace.
 */
export class MediaSourceVideo implements VideoDecoding {
    readonly path = "Media Source";
    private element: HTMLVideoElement | null = null;
    private buffer: SourceBuffer | null = null;
    private segments: Uint8Array<ArrayBuffer>[] = [];
    private pending: { sequence: number; number: number; key: boolean }[] = [];
    private number = 0;
    private needsKey = true;
    private stalled: ReturnType<typeof setTimeout> | undefined;
    private nudge: ReturnType<typeof setTimeout> | undefined;

    constructor(private readonly events: VideoEvents) {}

    static get available(): boolean {
        return typeof MediaSource !== "undefined" && "requestVideoFrameCallback" in HTMLVideoElement.prototype;
    }

    supported(codec: string): Promise<boolean> {
        return Promise.resolve(codec.startsWith("avc1.") && MediaSource.isTypeSupported(typeOf(codec)));
    }

    open(codec: string, _size: Size): void {
        this.close();
        const element = document.createElement("video");
        const source = new MediaSource();
        element.muted = true;
        element.playsInline = true;
        element.disableRemotePlayback = true;
        this.element = element;
        this.needsKey = true;
        this.number = 0;
        const address = URL.createObjectURL(source);
        source.addEventListener("sourceopen", () => {
            URL.revokeObjectURL(address);
            if (this.element !== element) {
                return;
            }
            try {
                const buffer = source.addSourceBuffer(typeOf(codec));
                buffer.addEventListener("updateend", () => this.append());
                this.buffer = buffer;
                this.append();
            } catch (error) {
                this.fail(element, String(error));
            }
        }, { once: true });
        element.addEventListener("error", () => this.fail(element, element.error?.message ?? "the video can't be played"));
        element.src = address;
        void element.play().catch(() => undefined); // it plays once there is something
        this.follow(element);
    }

    close(): void {
        const element = this.element;
        this.element = null;
        this.buffer = null;
        this.segments = [];
        this.pending = [];
        clearTimeout(this.stalled);
        clearTimeout(this.nudge);
        this.stalled = undefined;
        if (element !== null) {
            element.removeAttribute("src");
            element.load();
        }
    }

    decode(sequence: number, key: boolean, data: Uint8Array): boolean {
        if (this.element === null || (this.needsKey && !key) || this.pending.length >= PENDING_MAX) {
            return false;
        }
        this.needsKey = false;
        const units = nalUnits(data);
        if (key) {
            this.segments.push(initialization(units));
        }
        this.segments.push(fragment(units, key, this.number + 1, this.number * FRAME_MS, FRAME_MS));
        this.pending.push({ sequence, number: this.number, key });
        this.number++;
        this.watch(this.element);
        this.nudgeLater(this.element);
        this.append();
        return true;
    }

    private append(): void {
        const { buffer, element } = this;
        if (buffer === null || element === null || buffer.updating) {
            return;
        }
        const segment = this.segments.shift();
        try {
            if (segment !== undefined) {
                buffer.appendBuffer(segment);
            } else {
                this.tidy(buffer, element);
            }
        } catch (error) {
            this.fail(element, String(error));
        }
    }

    private tidy(buffer: SourceBuffer, element: HTMLVideoElement): void {
        const { buffered } = buffer;
        if (buffered.length === 0) {
            return;
        }
        const end = buffered.end(buffered.length - 1);
        if (end - element.currentTime > BEHIND_MS / 1000) {
            this.jump(element);
        }
        if (element.paused) {
            void element.play().catch(() => undefined);
        }
        const keep = (KEPT_FRAMES * FRAME_MS) / 1000;
        if (element.currentTime - buffered.start(0) > 2 * keep) {
            buffer.remove(buffered.start(0), element.currentTime - keep);
        }
    }

    /** To the newest frame: the player decodes from the last key frame on, and shows it. */
    private jump(element: HTMLVideoElement): void {
        element.currentTime = ((this.number - 0.5) * FRAME_MS) / 1000;
    }

    private nudgeLater(element: HTMLVideoElement): void {
        clearTimeout(this.nudge);
        this.nudge = setTimeout(() => {
            if (this.element === element && this.pending.length > 0) {
                // A seek that takes long is not begun anew.
                if (!element.seeking) {
                    this.jump(element);
                }
                this.nudgeLater(element);
            }
        }, NUDGE_MS);
    }

    /** Each picture that the player presents answers for all frames up to its time. */
    private follow(element: HTMLVideoElement): void {
        element.requestVideoFrameCallback((_now, { mediaTime }) => {
            if (this.element !== element) {
                return;
            }
            const shown = Math.round((mediaTime * 1000) / FRAME_MS);
            clearTimeout(this.stalled);
            this.stalled = undefined;
            const count = this.pending.filter(({ number }) => number <= shown).length;
            const answered = this.pending.splice(0, count);
            // A key frame may show another region: of what was skipped before it there is no picture.
            const first = answered.map(({ key }) => key).lastIndexOf(true);
            answered.forEach(({ sequence }, i) => this.events.frame(sequence, i < first ? null : frameOf(element)));
            if (this.pending.length > 0) {
                this.watch(element);
            }
            if (this.element === element) {
                this.follow(element);
            }
        });
    }

    private watch(element: HTMLVideoElement): void {
        this.stalled ??= setTimeout(() => this.fail(element, "the player stopped"), STALLED_MS);
    }

    private fail(element: HTMLVideoElement, reason: string): void {
        if (element === this.element) {
            this.close();
            this.events.failed(reason);
        }
    }
}

function typeOf(codec: string): string {
    return `video/mp4; codecs="${codec}"`;
}

function frameOf(element: HTMLVideoElement): DecodedFrame {
    return {
        image: element,
        width: element.videoWidth,
        height: element.videoHeight,
        close: () => undefined,
    };
}
