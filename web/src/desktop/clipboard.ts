import { Store } from "../app/store";
import { letsPaste } from "../input/paste-keys";
import { Bucket } from "../stream/bucket";
import { MAX_CLIPBOARD_TOTAL } from "../stream/limits";
import { type ClipboardMessage, type ClipboardType, encodeClipboard, WireError } from "../stream/wire";

export type Copied = { type: "text"; text: string } | { type: "png"; picture: Blob };

export interface ClipboardState {
    /** Bytes that may go each way; 0: none. null before the streamer has said it. */
    policy: { toSandbox: number; toBrowser: number } | null;
    /** What was copied last on the desktop. */
    copied: Copied | null;
    /** The browser has not let it be written yet: that takes a key or a click on this page. */
    waits: boolean;
    /** The share of a large transfer to the desktop that is done; null when there is none. */
    progress: number | null;
    problem: string | null;
}

const START: ClipboardState = { policy: null, copied: null, waits: false, progress: null, problem: null };

const PIECE = 32 * 1024;
/** Bytes on their way that the streamer has not answered for: at first, and at most. */
const FIRST_WINDOW = 2 * PIECE;
const MAX_WINDOW = 32 * PIECE;
const FAST_MS = 60;
const SLOW_MS = 150;
/** Bytes a second, and at once: well below what the server permits. */
const RATE = 6 * 1024 * 1024;
const BURST = 4 * 1024 * 1024;
/** So long after the keys of pasting the browser's paste event may come; what is typed meanwhile is kept in order. */
const PASTE_MS = 60;
const MAX_HELD = 1_000;
const ANNOUNCED = 256 * 1024;

interface Outgoing {
    transfer: number;
    type: ClipboardType;
    bytes: Uint8Array;
    sent: number;
    taken: number;
    window: number;
    mark: number;
    marked: number;
    done: () => void;
}

interface Incoming {
    transfer: number;
    type: ClipboardType;
    total: number;
    received: number;
    pieces: Uint8Array<ArrayBuffer>[];
}

type Send = (message: ArrayBuffer, fleeting: boolean) => boolean;

function megabytes(bytes: number): string {
    return bytes >= 1024 * 1024 ? `${Math.floor(bytes / 1024 / 1024)} MiB` : `${Math.floor(bytes / 1024)} KiB`;
}

/**
 * The clipboards of desktop and browser, kept alike. What is copied on the desktop is written to the browser's clipboard as soon as the
 * browser lets it be; what the browser's holds is given to the desktop when somebody pastes, before the keys that paste it.
 */
export class DesktopClipboard {
    readonly state = new Store<ClipboardState>(START);
    private transfers = 0;
    private outgoing: Outgoing | null = null;
    private incoming: Incoming | null = null;
    private timer: ReturnType<typeof setTimeout> | undefined;
    private readonly bucket = new Bucket(RATE, BURST);
    /** Input that must not overtake what is being given; null: nothing is held. */
    private held: ArrayBuffer[] | null = null;
    private holding: ReturnType<typeof setTimeout> | undefined;
    /** Text that both sides have. */
    private shared: string | null = null;
    /** A picture that was copied on the desktop is what the browser's clipboard holds, as far as this page can know. */
    private picture = false;

    constructor(private readonly transmit: Send) {}

    /** A new connection: what was on its way when the last one ended is given up. */
    restart(): void {
        this.outgoing?.done();
        this.outgoing = null;
        this.incoming = null;
        this.held = null;
        this.shared = null;
        clearTimeout(this.timer);
        clearTimeout(this.holding);
        this.state.patch({ progress: null, problem: null });
    }

    /** Another streamer on the same connection. It has nothing of what the last one had, so what is on its way to the desktop begins anew. */
    renew(): void {
        this.incoming = null;
        this.shared = null;
        if (this.outgoing !== null) {
            this.start(this.outgoing);
        }
    }

    /** Sends input, behind a clipboard that is on its way. */
    send(message: ArrayBuffer, fleeting: boolean): boolean {
        if (this.held === null) {
            return this.transmit(message, fleeting);
        }
        this.held.push(message);
        if (this.held.length > MAX_HELD) {
            this.release();
        }
        return true;
    }

    /** Throws WireError. */
    receive(message: ClipboardMessage): void {
        switch (message.step) {
            case "policy":
                this.state.patch({ policy: { toSandbox: message.toSandbox, toBrowser: message.toBrowser } });
                break;
            case "begin":
                this.begin(message.transfer, message.type, message.total);
                break;
            case "data":
                this.take(message.transfer, message.offset, message.data);
                break;
            case "taken":
                this.taken(message.transfer, message.bytes);
                break;
            case "refused":
                this.refused(message.transfer);
                break;
        }
    }

    /** The keys that paste were pressed: what follows waits for the paste event and for what it gives. */
    expectPaste(): void {
        if ((this.state.get().policy?.toSandbox ?? 0) > 0 && this.held === null) {
            this.held = [];
            this.holding = setTimeout(() => this.release(), PASTE_MS);
        }
    }

    /** The browser's paste event. */
    async paste(data: DataTransfer): Promise<void> {
        const held = this.held;
        clearTimeout(this.holding);
        const text = data.getData("text/plain");
        const picture = [...data.files].find((file) => file.type === "image/png");
        if (text !== "") {
            await this.giveText(text);
        } else if (picture !== undefined && !this.picture) {
            await this.givePicture(picture);
        }
        if (held === this.held) {
            this.release();
        }
    }

    /** Resolves when all of it is sent, or can't be. */
    async giveText(text: string): Promise<void> {
        if (text === this.shared) {
            return;
        }
        if (await this.give("text", new TextEncoder().encode(text))) {
            this.shared = text;
        }
    }

    async givePicture(picture: Blob): Promise<void> {
        if (picture.size > (this.state.get().policy?.toSandbox ?? 0)) {
            this.tooLarge(picture.size);
            return;
        }
        if (await this.give("png", new Uint8Array(await picture.arrayBuffer()))) {
            this.shared = null;
        }
    }

    /** Another window may copy something now. */
    left(): void {
        this.picture = false;
    }

    /** Inside a key or click: writes what the browser did not let be written before. */
    gesture(): void {
        if (this.state.get().waits) {
            void this.write();
        }
    }

    /** To the browser's clipboard. */
    async write(): Promise<void> {
        const { copied } = this.state.get();
        if (copied === null) {
            return;
        }
        try {
            if (copied.type === "text") {
                await navigator.clipboard.writeText(copied.text);
            } else {
                await navigator.clipboard.write([new ClipboardItem({ "image/png": copied.picture })]);
                this.picture = document.hasFocus();
            }
            if (copied === this.state.get().copied) {
                this.state.patch({ waits: false });
            }
        } catch {
            // Not without a gesture, or not while another window has the focus: the next key or click tries again.
            if (copied === this.state.get().copied) {
                this.state.patch({ waits: true });
            }
        }
    }

    private release(): void {
        const held = this.held ?? [];
        this.held = null;
        clearTimeout(this.holding);
        for (const message of held) {
            this.transmit(message, false);
        }
    }

    private tooLarge(bytes: number): void {
        const most = this.state.get().policy?.toSandbox ?? 0;
        const allowed = most === 0 ? "Pasting into this desktop is switched off." : `This desktop takes at most ${megabytes(most)}.`;
        this.state.patch({ problem: `${megabytes(bytes)} were not pasted. ${allowed}` });
    }

    private give(type: ClipboardType, bytes: Uint8Array): Promise<boolean> {
        this.outgoing?.done();
        this.outgoing = null;
        if (bytes.length === 0) {
            return Promise.resolve(false);
        }
        if (bytes.length > (this.state.get().policy?.toSandbox ?? 0)) {
            this.tooLarge(bytes.length);
            return Promise.resolve(false);
        }
        return new Promise((resolve) => {
            const outgoing: Outgoing = {
                type, bytes, transfer: 0, sent: 0, taken: 0, window: FIRST_WINDOW, mark: 0, marked: 0,
                done: () => resolve(outgoing.sent === bytes.length),
            };
            this.outgoing = outgoing;
            this.start(outgoing);
        });
    }

    private start(out: Outgoing): void {
        Object.assign(out, { transfer: ++this.transfers, sent: 0, taken: 0, window: FIRST_WINDOW, mark: 0, marked: 0 });
        const { transfer, type, bytes } = out;
        if (!this.transmit(encodeClipboard({ step: "begin", transfer, type, total: bytes.length }), false)) {
            this.finish(out);
            return;
        }
        this.state.patch({ problem: null });
        this.pump();
    }

    private pump(): void {
        const out = this.outgoing;
        clearTimeout(this.timer);
        while (out !== null && out.sent < out.bytes.length && out.sent - out.taken < out.window) {
            const data = out.bytes.subarray(out.sent, out.sent + PIECE);
            if (!this.bucket.take(data.length)) {
                this.timer = setTimeout(() => this.pump(), 20);
                return;
            }
            if (!this.transmit(encodeClipboard({ step: "data", transfer: out.transfer, offset: out.sent, data }), false)) {
                this.finish(out);
                return;
            }
            out.sent += data.length;
            if (out.mark <= out.taken) {
                out.mark = out.sent;
                out.marked = performance.now();
            }
        }
        if (out !== null && out.sent === out.bytes.length) {
            this.finish(out);
        } else if (out !== null && out.bytes.length > ANNOUNCED) {
            this.state.patch({ progress: out.sent / out.bytes.length });
        }
    }

    private finish(out: Outgoing): void {
        this.outgoing = null;
        this.state.patch({ progress: null });
        out.done();
    }

    private taken(transfer: number, bytes: number): void {
        const out = this.outgoing;
        if (out?.transfer !== transfer) {
            return;
        }
        if (bytes > out.sent || bytes < out.taken) {
            throw new WireError(`${bytes} bytes taken of ${out.sent}`);
        }
        out.taken = bytes;
        if (out.marked !== 0 && bytes >= out.mark) {
            const way = performance.now() - out.marked;
            out.marked = 0;
            if (way < FAST_MS) {
                out.window = Math.min(out.window * 2, MAX_WINDOW);
            } else if (way > SLOW_MS) {
                out.window = Math.max(out.window / 2, PIECE);
            }
        }
        this.pump();
    }

    private refused(transfer: number): void {
        const out = this.outgoing;
        if (transfer === 0) {
            const most = this.state.get().policy?.toBrowser ?? 0;
            this.state.patch({ problem: `What was copied on the desktop is larger than ${megabytes(most)} and stays there.` });
        } else if (transfer === this.transfers) {
            this.shared = null;
            this.state.patch({ problem: "The desktop did not take what was pasted." });
        }
        if (out !== null && out.transfer === transfer) {
            this.finish(out);
        }
    }

    private begin(transfer: number, type: ClipboardType, total: number): void {
        const most = Math.min(this.state.get().policy?.toBrowser ?? 0, MAX_CLIPBOARD_TOTAL);
        if (total === 0 || total > most) {
            throw new WireError(`a clipboard of ${total} bytes`);
        }
        this.incoming = { transfer, type, total, received: 0, pieces: [] };
    }

    private take(transfer: number, offset: number, data: Uint8Array): void {
        const into = this.incoming;
        if (into?.transfer !== transfer || offset !== into.received || data.length > into.total - into.received) {
            throw new WireError("a piece of no clipboard");
        }
        into.pieces.push(data.slice());
        into.received += data.length;
        this.transmit(encodeClipboard({ step: "taken", transfer, bytes: into.received }), false);
        if (into.received === into.total) {
            this.incoming = null;
            void this.arrived(into);
        }
    }

    private async arrived({ type, pieces }: Incoming): Promise<void> {
        const all = new Blob(pieces, { type: type === "png" ? "image/png" : "text/plain" });
        const copied: Copied = type === "png" ? { type, picture: all } : { type, text: await all.text() };
        this.shared = copied.type === "text" ? copied.text : null;
        this.picture = false;
        this.state.patch({ copied, problem: null });
        await this.write();
    }
}

/**
 * Pasting on the desktop, whose keyboard is `field`. The browser's paste event needs no permission, but comes only where the keys' own effect is let
 * happen (input/paste-keys.ts). Returns what takes the listeners off again.
 */
export function attachClipboard(field: HTMLElement, clipboard: DesktopClipboard): () => void {
    const listeners = new AbortController();
    const { signal } = listeners;
    document.addEventListener("paste", (event) => {
        if (document.activeElement === field && event.clipboardData !== null) {
            event.preventDefault();
            void clipboard.paste(event.clipboardData);
        }
    }, { signal });
    // Before the keyboard's own listener, so that the keys themselves are held.
    field.addEventListener("keydown", (event) => {
        if (letsPaste(event) && !event.repeat) {
            clipboard.expectPaste();
        }
    }, { capture: true, signal });
    addEventListener("blur", () => clipboard.left(), { signal });
    for (const name of ["pointerup", "keydown", "focus"] as const) {
        addEventListener(name, () => clipboard.gesture(), { capture: true, signal });
    }
    return () => listeners.abort();
}
