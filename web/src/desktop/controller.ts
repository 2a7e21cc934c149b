import type { Client } from "../api/client";
import { displayPoint, fit } from "../input/geometry";
import { attachKeyboard } from "../input/keyboard";
import { attachPointer, PointerMotion } from "../input/pointer";
import { InputSender } from "../input/sender";
import { Picture } from "../stream/picture";
import { StreamStatistics } from "../stream/statistics";
import { cursorStyle } from "./cursor-style";
import { DesktopSession } from "./session";
import { exposeStatistics } from "./test-surface";

/** One desktop on one canvas: the session, the input that goes to it, and where the picture stands. */
export class DesktopController {
    readonly statistics = new StreamStatistics();
    readonly session: DesktopSession;
    readonly input: InputSender;
    private readonly motion: PointerMotion;
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
        this.input = new InputSender((message, fleeting) => session.send(message, fleeting));
        this.motion = new PointerMotion(this.input);
        session.onConnected = () => {
            this.input.restart();
            this.motion.forget();
        };
        this.undo.push(
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

    private locate(clientX: number, clientY: number) {
        const { size } = this.session.state.get();
        return size === null ? null : displayPoint(clientX, clientY, this.canvas.getBoundingClientRect(), size);
    }

    private followSize(): () => void {
        let known: unknown = null;
        const place = () => {
            const { size } = this.session.state.get();
            if (size === null) {
                return;
            }
            known = size;
            const box = { width: this.stage.clientWidth, height: this.stage.clientHeight };
            const spot = fit(size, box, devicePixelRatio);
            const { style } = this.canvas;
            style.left = `${spot.x}px`;
            style.top = `${spot.y}px`;
            style.width = `${spot.width}px`;
            style.height = `${spot.height}px`;
            // Whole multiples stay crisp; anything else is smoothed by the browser.
            const scale = (spot.width * devicePixelRatio) / size.width;
            style.imageRendering = Number.isInteger(scale) ? "pixelated" : "auto";
        };
        const observer = new ResizeObserver(place);
        observer.observe(this.stage);
        const off = this.session.state.subscribe(() => {
            if (this.session.state.get().size !== known) {
                place();
            }
        });
        return () => {
            observer.disconnect();
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
