import { delay } from "../api/http";
import { describe, ProblemError, SignedOutError } from "../api/problem";
import { Store } from "../app/store";
import { closeAction, reconnectPause } from "../stream/close-codes";
import { type Cursor, DesktopStream } from "../stream/desktop-stream";
import { SUBPROTOCOL } from "../stream/limits";
import { type Access, type Notice, parseNotice, type Permissions, type RecordingMode, USUAL, type Viewer } from "../stream/notice";
import type { Picture } from "../stream/picture";
import type { StreamStatistics } from "../stream/statistics";
import { type ClipboardMessage, inputNumber, mayWatcherSend, type Point, type Size } from "../stream/wire";
import type { DesktopSource } from "./source";
import { heedWarning, NO_WARNINGS, type Warnings } from "./warnings";

export interface SessionState {
    connection: "connecting" | "open" | "waiting" | "ended" | "failed" | "signed-out";
    /** A frame was painted on this page; the picture may be old while not open. */
    painted: boolean;
    /** The streamer is being restarted behind an open connection. */
    restarting: boolean;
    size: Size | null;
    ended: { reason: string; detail: string } | null;
    failure: { title: string; detail: string } | null;
    warnings: Warnings;
    /** What the server lets this window do. */
    access: Access;
    viewers: { count: number; items: readonly Viewer[] | null };
    recording: { mode: RecordingMode; on: boolean; failed: boolean };
    permissions: Permissions;
}

/** A connection that lasted this long was a good one: the next failure is answered at once again. */
const STABLE_MS = 1_000;
/** Tickets are good for 30 s (docs/openapi.yaml), so their end tells the server's clock. */
const TICKET_LIFE_MS = 30_000;
/** With this much unsent, a pointer position is stale before it leaves. */
const MAX_BUFFERED_BYTES = 16 * 1024;
/** The browser's own close code for a stream that broke the protocol; applications have 3000 to 4999. */
const CLOSE_BROKEN = 4001;

export const START: SessionState = {
    connection: "connecting",
    painted: false,
    restarting: false,
    size: null,
    ended: null,
    failure: null,
    warnings: NO_WARNINGS,
    access: "control",
    viewers: { count: 0, items: null },
    recording: { mode: "off", on: false, failed: false },
    permissions: USUAL,
};

/** How an attempt to watch ended: try again, or not. */
type Outcome = { again: true; lasted: number; minimumPause: number } | { again: false };

const FINISHED: Outcome = { again: false };

function tryAgain(lasted: number, minimumPause: number): Outcome {
    return { again: true, lasted, minimumPause };
}

/** The desktop of one sandbox, connected for as long as this object lives and the sandbox runs. */
export class DesktopSession {
    readonly state = new Store<SessionState>(START);
    /** null before the first cursor of a stream. Apart from the state: it changes with each hover. */
    readonly cursor = new Store<Cursor | null>(null);
    /** Called with each new connection, before its first byte. */
    onConnected: () => void = () => undefined;
    /** Called when a stream begins. */
    onHello: () => void = () => undefined;
    /** May throw WireError. */
    onClipboard: (message: ClipboardMessage) => void = () => undefined;
    /** The pointer was moved by somebody else. */
    onPointer: (place: Point) => void = () => undefined;
    onSound: (packet: Uint8Array, captured: number) => void = () => undefined;
    private readonly life = new AbortController();
    private socket: WebSocket | null = null;
    private wake: () => void = () => undefined;
    /** The server's clock minus this machine's, in ms. */
    private clockOffset = 0;
    /** Input leaves only on a connection whose server has said that it may. */
    private mayAct = false;

    constructor(
        private readonly source: DesktopSource,
        private readonly picture: Picture,
        private readonly statistics: StreamStatistics,
    ) {}

    /** Connects, and connects again, until closed. */
    start(): void {
        void this.run();
    }

    /** Tries again now: after a failure that was shown, or instead of the rest of a pause. */
    retry(): void {
        if (this.state.get().connection === "failed") {
            this.state.patch({ connection: "connecting", failure: null });
            this.start();
        } else {
            this.wake();
        }
    }

    close(): void {
        this.life.abort();
        this.socket?.close(1000);
    }

    /** True when the message was handed to an open connection. A `fleeting` one is dropped on a full link. */
    send(message: ArrayBuffer, fleeting: boolean): boolean {
        const socket = this.socket;
        if (!this.mayAct && !mayWatcherSend(message)) {
            return false;
        }
        if (socket?.readyState !== WebSocket.OPEN || (fleeting && socket.bufferedAmount > MAX_BUFFERED_BYTES)) {
            return false;
        }
        socket.send(message);
        const input = inputNumber(message);
        if (input !== null) {
            this.statistics.inputSent(input, performance.now());
        }
        return true;
    }

    private async run(): Promise<void> {
        try {
            for (let attempt = 0; ; attempt++) {
                const outcome = await this.attempt();
                if (!outcome.again) {
                    return;
                }
                if (outcome.lasted >= STABLE_MS) {
                    attempt = 0;
                }
                this.state.patch({ connection: this.state.get().painted ? "waiting" : "connecting" });
                await this.pause(Math.max(reconnectPause(attempt), outcome.minimumPause));
            }
        } catch (error) {
            if (!this.life.signal.aborted) {
                this.fail("Something went wrong", describe(error));
            }
        }
    }

    private async attempt(): Promise<Outcome> {
        let path: string;
        try {
            const asked = Date.now();
            const ticket = await this.source.ticket(this.life.signal);
            this.clockOffset = Date.parse(ticket.expires_at) - TICKET_LIFE_MS - (asked + Date.now()) / 2 || 0;
            path = ticket.path;
        } catch (error) {
            this.life.signal.throwIfAborted();
            return this.withoutTicket(error);
        }
        const url = new URL(path, location.origin);
        if (url.origin !== location.origin || !url.pathname.startsWith("/ws/")) {
            return this.fail("The server answered nonsense", "The path of the desktop is not on this server.");
        }
        url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
        return this.watch(url);
    }

    private async withoutTicket(error: unknown): Promise<Outcome> {
        if (error instanceof SignedOutError) {
            this.state.patch({ connection: "signed-out" });
            return FINISHED;
        }
        if (!(error instanceof ProblemError)) {
            return tryAgain(0, 0);
        }
        if (error.status === 409) {
            return this.notRunning();
        }
        if (error.status === 404) {
            return this.source.guest
                ? this.fail("This link does not work", "It was revoked, has expired, or its desktop has ended. Ask for a new one.")
                : this.fail("No such desktop", "It is not yours, or it never existed.");
        }
        if (error.status === 429 || error.status >= 500) {
            return tryAgain(0, (error.retryAfter ?? 0) * 1000);
        }
        return this.fail(error.title, error.detail);
    }

    /** The server gives tickets for running sandboxes alone: find out what this one does. */
    private async notRunning(): Promise<Outcome> {
        const stop = await this.source.stopOf(this.life.signal);
        return stop === null ? tryAgain(0, 500) : this.end(stop.reason, stop.detail);
    }

    private watch(url: URL): Promise<Outcome> {
        const socket = new WebSocket(url, SUBPROTOCOL);
        socket.binaryType = "arraybuffer";
        this.socket = socket;
        const stream = this.newStream(socket);
        let opened = 0;
        return new Promise((resolve) => {
            socket.onopen = () => {
                opened = performance.now();
                this.mayAct = false;
                this.statistics.connected();
                this.onConnected();
            };
            socket.onmessage = (event: MessageEvent<unknown>) => {
                if (event.data instanceof ArrayBuffer) {
                    stream.receive(event.data);
                } else if (typeof event.data === "string") {
                    this.heed(parseNotice(event.data));
                }
            };
            socket.onclose = (event) => {
                stream.close();
                this.socket = null;
                this.cursor.set(null);
                this.state.patch({ warnings: NO_WARNINGS, restarting: false });
                resolve(this.closed(event.code, opened === 0 ? 0 : performance.now() - opened));
            };
        });
    }

    private newStream(socket: WebSocket): DesktopStream {
        const give = (title: string, detail: string) => {
            this.fail(title, detail);
            socket.onmessage = null;
            socket.close(CLOSE_BROKEN);
        };
        return new DesktopStream(this.picture, this.statistics, {
            send: (message) => {
                if (socket.readyState === WebSocket.OPEN) {
                    socket.send(message);
                }
            },
            hello: (size) => {
                this.cursor.set(null);
                this.state.patch({ connection: "open", size, restarting: false });
                this.onHello();
            },
            resized: (size) => this.state.patch({ size }),
            clipboard: (message) => this.onClipboard(message),
            cursor: (cursor) => this.cursor.set(cursor),
            pointer: (place) => this.onPointer(place),
            sound: (packet, captured) => this.onSound(packet, captured),
            painted: () => {
                if (!this.state.get().painted) {
                    this.state.patch({ painted: true });
                }
            },
            broken: (reason) => give("The stream broke the protocol", `Reloading may help. (${reason})`),
            unsupported: (detail) => give("This browser can't show the desktop", detail),
        });
    }

    private async closed(code: number, lasted: number): Promise<Outcome> {
        const { connection } = this.state.get();
        if (this.life.signal.aborted || connection === "ended" || connection === "failed") {
            return FINISHED;
        }
        const next = closeAction(code);
        switch (next.action) {
            case "ended":
                return this.notRunning();
            case "sign-in":
                if (this.source.guest) {
                    return this.fail("This link has ended", "The owner of this desktop has left.");
                }
                this.state.patch({ connection: "signed-out" });
                this.source.signedOut();
                return FINISHED;
            case "show":
                return this.fail(next.title, next.detail);
            case "reconnect":
                return tryAgain(lasted, next.minimumPause);
        }
    }

    private heed(notice: Notice | null): void {
        switch (notice?.type) {
            case "session":
            case "warning":
            case "warning_cleared":
                this.state.patch({ warnings: heedWarning(this.state.get().warnings, notice, this.clockOffset) });
                break;
            case "streamer":
                this.state.patch({ restarting: notice.state === "restarting" });
                break;
            case "access":
                this.mayAct = notice.access === "control";
                this.state.patch({ access: notice.access });
                break;
            case "recording": {
                const { mode, on, failed } = notice;
                this.state.patch({ recording: { mode, on, failed } });
                break;
            }
            case "policy":
                this.state.patch({ permissions: notice.permissions });
                break;
            case "viewers":
                this.state.patch({ viewers: { count: notice.count, items: notice.items } });
                break;
            case "ended":
                this.end(notice.reason, notice.detail);
                break;
            case undefined:
                break;
        }
    }

    private async pause(milliseconds: number): Promise<void> {
        if (milliseconds === 0) {
            return;
        }
        const woken = new Promise<void>((resolve) => (this.wake = resolve));
        const cancel = new AbortController();
        const abort = () => cancel.abort();
        this.life.signal.addEventListener("abort", abort, { once: true });
        try {
            await Promise.race([woken, delay(milliseconds, cancel.signal)]);
        } finally {
            this.life.signal.removeEventListener("abort", abort);
            cancel.abort();
            this.wake = () => undefined;
        }
    }

    private end(reason: string, detail: string): Outcome {
        if (this.source.guest) { // the reasons speak to the owner
            return this.fail("This desktop has ended", "Its owner stopped it, or it reached one of its limits.");
        }
        this.state.patch({ connection: "ended", ended: { reason, detail }, warnings: NO_WARNINGS });
        return FINISHED;
    }

    private fail(title: string, detail: string): Outcome {
        this.state.patch({ connection: "failed", failure: { title, detail } });
        return FINISHED;
    }
}
