import type { Client } from "../api/client";
import { displayPoint } from "../input/geometry";
import { attachKeyboard } from "../input/keyboard";
import { attachPointer, PointerMotion } from "../input/pointer";
import { InputSender } from "../input/sender";
import { Picture } from "../stream/picture";
import { StreamStatistics } from "../stream/statistics";
import { attachClipboard, DesktopClipboard } from "./clipboard";
import { cursorStyle } from "./cursor-style";
import { type DisplayMode, placeOf, SizeFollower } from "./display-size";
import { DesktopSession } from "./session";
import { exposeStatistics } from "./test-surface";

/** One desktop on one canvas: the session, the input that goes to it, and where the picture stands. */
export class DesktopController {
    readonly statistics = new StreamStatistics();
    readonly session: DesktopSession;
    readonly input: InputSender;
    readonly clipboard: DesktopClipboard;
    private readonly motion: PointerMotion;
    private readonly follower: SizeFollower;
    private place: () => void = () => undefined;
    private readonly undo: (() => void)[] = [];

    constructor(
        client: Client,
        id: string,
        private readonly canvas: HTMLCanvasElement,
        private readonly stage: HTMLElement,
        leave: () => void,
    ) {
        const session = new DesktopSession(client, id, new Picture(canvas), this.statistics);
        this.session = session;
        this.clipboard = new DesktopClipboard((message, fleeting) => session.send(message, fleeting));
        session.onClipboard = (message) => this.clipboard.receive(message);
        this.input = new InputSender((message, fleeting) => this.clipboard.send(message, fleeting));
        this.motion = new PointerMotion(this.input);
        this.follower = new SizeFollower(
            () => ({ width: stage.clientWidth, height: stage.clientHeight }),
            (message) => session.send(message, false),
        );
        session.onHello = () => this.follower.restart();
        session.onConnected = () => {
            this.clipboard.restart();
            this.input.restart();
            this.motion.forget();
        };
        this.undo.push(
            attachClipboard(canvas, this.clipboard),
            attachKeyboard(canvas, this.input, leave),
            attachPointer(canvas, this.input, this.motion, (x, y) => this.locate(x, y)),
            this.followSize(),
            this.followCursor(),
            this.wakeOnReturn(),
            exposeStatistics(this.statistics, session),
        );
        session.start();
    }

    close(): void {
        this.input.releaseAll();
        this.session.close();
        for (const undo of this.undo) {
            undo();
        }
    }

    setMode(mode: DisplayMode): void {
        this.follower.mode = mode;
        this.stage.dataset.mode = mode;
        this.place();
        this.follower.changed();
    }

    private locate(clientX: number, clientY: number) {
        const { size } = this.session.state.get();
        return size === null ? null : displayPoint(clientX, clientY, this.canvas.getBoundingClientRect(), size);
    }

    private followSize(): () => void {
        let known: unknown = null;
        this.place = () => {
            const { size } = this.session.state.get();
            if (size === null) {
                return;
            }
            known = size;
            const box = { width: this.stage.clientWidth, height: this.stage.clientHeight };
            const spot = placeOf(this.follower.mode, size, box, devicePixelRatio);
            const { style } = this.canvas;
            style.left = `${spot.x}px`;
            style.top = `${spot.y}px`;
            style.width = `${spot.width}px`;
            style.height = `${spot.height}px`;
            // Whole multiples stay crisp; anything else is smoothed by the browser.
            const scale = Math.round(spot.width * devicePixelRatio) / size.width;
            style.imageRendering = Number.isInteger(scale) ? "pixelated" : "auto";
        };
        const listeners = new AbortController();
        const { signal } = listeners;
        const changed = () => {
            this.place();
            this.follower.changed();
        };
        const observer = new ResizeObserver(changed);
        observer.observe(this.stage);
        addEventListener("focus", () => this.follower.returned(), { signal });
        // The window went to a screen of another density, or the page was zoomed: both may leave the box as it is.
        addEventListener("resize", changed, { signal });
        const off = this.session.state.subscribe(() => {
            if (this.session.state.get().size !== known) {
                this.place();
            }
        });
        return () => {
            listeners.abort();
            observer.disconnect();
            this.follower.close();
            off();
        };
    }

    private followCursor(): () => void {
        const { cursor } = this.session;
        return cursor.subscribe(() => {
            this.canvas.style.cursor = cursorStyle(cursor.get());
        });
    }

    /** The network or the user is back: no reason to sit out the rest of a pause. */
    private wakeOnReturn(): () => void {
        const listeners = new AbortController();
        const { signal } = listeners;
        const wake = () => {
            if (!document.hidden && this.session.state.get().connection !== "failed") {
                this.session.retry();
            }
        };
        addEventListener("online", wake, { signal });
        document.addEventListener("visibilitychange", wake, { signal });
        return () => listeners.abort();
    }
}
