import { MAX_QUEUED_BYTES, MAX_QUEUED_MESSAGES } from "./limits";
import type { PaintTimes } from "./statistics";
import { WireError } from "./wire";

/** What to do with an entry once every earlier one is painted. `discard` frees what `paint` would have used. */
export interface Paint {
    paint(): void;
    discard(): void;
}

/** Of a message's header. */
export interface QueuedFrame {
    sequence: number;
    /** Its update goes on. */
    more: boolean;
}

interface Entry {
    /** null for messages outside the sequence, such as a new display size. */
    frame: QueuedFrame | null;
    arrived: number;
    bytes: number;
    ready: number;
    /** null while the decoder works on it. */
    paint: Paint | null;
}

export type Painted = (frame: QueuedFrame, times: PaintTimes, queued: number) => void;

/**
 * The order of the stream, kept across an asynchronous decoder: an entry is painted when it is ready and
 * everything before it is painted. Bounded in count and bytes.
 */
export class PaintQueue {
    private entries: Entry[] = [];
    private bytes = 0;

    constructor(
        private readonly painted: Painted,
        private readonly now: () => number,
    ) {}

    get length(): number {
        return this.entries.length;
    }

    /** Throws WireError when the stream makes the browser hold too much. */
    push(frame: QueuedFrame | null, bytes: number, paint: Paint | null): void {
        const arrived = this.now();
        this.entries.push({ frame, bytes, paint, arrived, ready: arrived });
        this.bytes += bytes;
        if (this.entries.length > MAX_QUEUED_MESSAGES || this.bytes > MAX_QUEUED_BYTES) {
            throw new WireError("the stream runs ahead of its acknowledgements");
        }
        this.pump();
    }

    /** The decoder has answered for `sequence`. False when nothing waits for it: the caller keeps `paint`. */
    settle(sequence: number, paint: Paint): boolean {
        const entry = this.entries.find((candidate) => candidate.frame?.sequence === sequence);
        if (entry === undefined || entry.paint !== null) {
            return false;
        }
        entry.paint = paint;
        entry.ready = this.now();
        this.pump();
        return true;
    }

    /** The decoder will not answer for what it was given: those entries pass without a picture. */
    abandon(): void {
        for (const entry of this.entries) {
            entry.paint ??= NOTHING;
        }
        this.pump();
    }

    clear(): void {
        const entries = this.entries;
        this.entries = [];
        this.bytes = 0;
        for (const entry of entries) {
            entry.paint?.discard();
        }
    }

    private pump(): void {
        for (let head = this.entries[0]; head?.paint != null; head = this.entries[0]) {
            this.entries.shift();
            this.bytes -= head.bytes;
            head.paint.paint();
            if (head.frame !== null) {
                const { arrived, ready } = head;
                this.painted(head.frame, { arrived, ready, painted: this.now() }, this.entries.length);
            }
        }
    }
}

export const NOTHING: Paint = { paint: () => undefined, discard: () => undefined };
