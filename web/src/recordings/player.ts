import { Store } from "../app/store";
import { canPlay, SoundPlayer } from "../sound/player";
import { type Cursor, DesktopStream } from "../stream/desktop-stream";
import { Picture } from "../stream/picture";
import { StreamStatistics } from "../stream/statistics";
import type { Point, Size } from "../stream/wire";
import { type Index, keyBefore, parsePointer } from "./format";
import { type Fetch, RecordingReader } from "./reader";

export interface PlayerState {
    /** ms. */
    position: number;
    playing: boolean;
    seeking: boolean;
    failure: string | null;
}

/** What is to be seen over the picture. */
export interface PlayerView {
    resized(size: Size): void;
    cursor(cursor: Cursor): void;
    pointer(point: Point): void;
}

/** Messages handed to the decoder and not painted: fewer than the queue behind it takes, more than one update has. */
const MAX_AHEAD = 64;
const TICK_MS = 10;

/** Messages that carry a place in the sequence: video frames, lossless and copy rectangles. */
function isFrame(message: ArrayBuffer): boolean {
    const kind = new DataView(message).getUint8(0);
    return kind >= 2 && kind <= 4 && message.byteLength >= 8;
}

/** Plays a recording on a canvas with the decoders of the live stream. */
export class RecordingPlayer {
    readonly state = new Store<PlayerState>({ position: 0, playing: false, seeking: false, failure: null });
    private readonly statistics = new StreamStatistics();
    private readonly picture: Picture;
    private readonly reader: RecordingReader;
    private stream: DesktopStream | null = null;
    private sound: SoundPlayer | null = null;
    private next = 0;
    private sent = 0;
    private painted = 0;
    /** Rises with each seek and at the end: what was begun before stops. */
    private turn = 0;

    constructor(canvas: HTMLCanvasElement, private readonly view: PlayerView, private readonly index: Index, fetch: Fetch) {
        this.picture = new Picture(canvas);
        this.reader = new RecordingReader(fetch, index.end);
    }

    get duration(): number {
        return this.index.duration;
    }

    play(): void {
        if (!this.state.get().playing) {
            const { position } = this.state.get();
            this.state.patch({ playing: true });
            this.beginSound();
            void this.run(position >= this.duration ? 0 : position, this.stream === null || position >= this.duration);
        }
    }

    pause(): void {
        this.turn++;
        this.state.patch({ playing: false, seeking: false });
    }

    seek(position: number): void {
        this.beginSound();
        void this.run(Math.min(Math.max(position, 0), this.duration), true);
    }

    close(): void {
        this.turn++;
        this.stream?.close();
        this.sound?.close();
    }

    /** From here on, by a click or key: its clock knows no way back. */
    private beginSound(): void {
        this.sound?.close();
        const ignored = () => undefined;
        this.sound = this.state.get().playing && canPlay()
            ? new SoundPlayer({ permitted: ignored, report: ignored, failed: ignored })
            : null;
    }

    /** What is only passed on the way to a place is not heard. */
    private hear(packet: Uint8Array, captured: number): void {
        const { playing, seeking } = this.state.get();
        if (playing && !seeking) {
            this.sound?.play(packet, captured);
        }
    }

    private async run(position: number, jump: boolean): Promise<void> {
        const turn = ++this.turn;
        try {
            if (jump) {
                this.state.patch({ seeking: true, position });
                // Before the first key frame there is nothing to see.
                await this.advance(Math.max(position, await this.begin(position, turn)), turn);
            }
            const started = performance.now() - position;
            while (turn === this.turn && this.state.get().playing) {
                this.state.patch({ seeking: false });
                const now = Math.min(performance.now() - started, this.duration);
                const more = await this.advance(now, turn);
                if (turn === this.turn) {
                    this.state.patch({ position: now, playing: more || now < this.duration });
                }
                await new Promise((resolve) => setTimeout(resolve, TICK_MS));
            }
            if (turn === this.turn) {
                this.state.patch({ seeking: false });
            }
        } catch (error) {
            if (turn === this.turn) {
                this.fail(error instanceof Error ? error.message : String(error));
            }
        }
    }

    private fail(failure: string): void {
        this.turn++;
        this.state.patch({ failure, playing: false, seeking: false });
    }

    /** A new decoder, told what was known at the key frame before the position. Gives that frame's time. */
    private async begin(position: number, turn: number): Promise<number> {
        const key = keyBefore(this.index.keys, position);
        if (key === null) {
            throw new Error("Nothing was shown while this was recorded.");
        }
        const before = [];
        for (const offset of [key.hello, key.display, key.cursor]) {
            const record = offset === 0 ? null : await this.reader.read(offset);
            if (record !== null) {
                before.push(record.message);
            }
        }
        if (turn !== this.turn) {
            return key.time;
        }
        this.stream?.close();
        this.sent = this.painted = 0;
        this.stream = this.newStream();
        before.forEach((message) => this.give(message));
        this.next = key.offset;
        return key.time;
    }

    /** Gives all that came until then. False at the end. */
    private async advance(position: number, turn: number): Promise<boolean> {
        while (turn === this.turn) {
            const record = await this.reader.read(this.next);
            if (record === null || turn !== this.turn) {
                return false;
            }
            if (record.time > position) {
                return true;
            }
            while (this.sent - this.painted >= MAX_AHEAD && turn === this.turn) {
                await new Promise((resolve) => setTimeout(resolve, 1));
            }
            if (turn === this.turn) {
                this.next = record.next;
                this.give(record.message);
            }
        }
        return false;
    }

    /** Sequences are numbered anew: playing begins in the middle. */
    private give(message: ArrayBuffer): void {
        const pointer = parsePointer(message);
        if (pointer !== null) {
            this.view.pointer(pointer);
            return;
        }
        if (isFrame(message)) {
            new DataView(message).setUint32(4, ++this.sent, true);
        } else if (new DataView(message).getUint8(0) === 1) {
            this.sent = this.painted = 0;
        }
        this.stream?.receive(message);
    }

    private newStream(): DesktopStream {
        return new DesktopStream(this.picture, this.statistics, {
            send: (answer) => {
                const view = new DataView(answer);
                if (view.getUint8(0) === 0x81) {
                    this.painted = Math.max(this.painted, view.getUint32(4, true));
                }
            },
            hello: (size) => this.view.resized(size),
            resized: (size) => this.view.resized(size),
            cursor: (cursor) => this.view.cursor(cursor),
            pointer: (place) => this.view.pointer(place),
            clipboard: () => undefined,
            sound: (packet, captured) => this.hear(packet, captured),
            painted: () => undefined,
            broken: (reason) => this.fail(`The recording is damaged. (${reason})`),
            unsupported: (detail) => this.fail(detail),
        });
    }
}
