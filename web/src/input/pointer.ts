import type { InputSender, Point } from "./sender";
import { attachTouch } from "./touch";
import { WheelAccumulator } from "./wheel";

/** PointerEvent.buttons' bits and the protocol's button numbers. */
const BUTTONS: readonly [number, number][] = [
    [1, 1],
    [4, 2],
    [2, 3],
    [8, 8],
    [16, 9],
];

export type Locate = (clientX: number, clientY: number) => Point | null;

/** Sends at most one position per animation frame, and never one that the other side already knows. */
export class PointerMotion {
    private waiting: Point | null = null;
    private last: Point | null = null;
    private frame = 0;

    constructor(private readonly sender: InputSender) {}

    move(point: Point): void {
        this.waiting = point;
        if (this.frame === 0) {
            this.frame = requestAnimationFrame(() => this.flush());
        }
    }

    /** Before a button or wheel message, which carries a position of its own. */
    flush(): void {
        cancelAnimationFrame(this.frame);
        this.frame = 0;
        const point = this.waiting;
        this.waiting = null;
        if (point !== null && (point.x !== this.last?.x || point.y !== this.last.y)) {
            if (this.sender.pointer(point)) {
                this.last = point;
            }
        }
    }

    forget(): void {
        cancelAnimationFrame(this.frame);
        this.frame = 0;
        this.waiting = null;
        this.last = null;
    }
}

/** Mouse, pen, wheel and touch of the canvas. Returns what takes the listeners off again. */
export function attachPointer(
    canvas: HTMLCanvasElement,
    sender: InputSender,
    motion: PointerMotion,
    locate: Locate,
): () => void {
    const listeners = new AbortController();
    const { signal } = listeners;
    const wheel = new WheelAccumulator();

    // Only the first button of several makes a pointerdown; the others show in the `buttons` of a move.
    const changed = (event: PointerEvent) => {
        const point = locate(event.clientX, event.clientY);
        if (event.pointerType === "touch" || point === null) {
            return;
        }
        motion.move(point);
        for (const [bit, button] of BUTTONS) {
            const down = (event.buttons & bit) !== 0;
            if (down !== sender.isPressed(button)) {
                motion.flush();
                sender.button(point, button, down);
            }
        }
    };
    canvas.addEventListener("pointermove", changed, { signal });
    canvas.addEventListener("pointerup", changed, { signal });
    canvas.addEventListener("pointercancel", changed, { signal });
    canvas.addEventListener("pointerdown", (event) => {
        canvas.focus({ preventScroll: true });
        if (event.pointerType !== "touch") {
            canvas.setPointerCapture(event.pointerId);
        }
        changed(event);
    }, { signal });

    // Back, forward, autoscroll, drag and the context menu belong to the sandbox.
    for (const name of ["mousedown", "mouseup", "auxclick", "contextmenu", "dragstart"] as const) {
        canvas.addEventListener(name, (event) => event.preventDefault(), { signal });
    }

    canvas.addEventListener("wheel", (event) => {
        event.preventDefault();
        const point = locate(event.clientX, event.clientY);
        if (point === null) {
            return;
        }
        wheel.add(event.deltaX, event.deltaY, event.deltaMode);
        const units = wheel.take();
        if (units !== null) {
            motion.flush();
            sender.wheel(point, units.horizontal, units.vertical);
        }
    }, { passive: false, signal });

    attachTouch(canvas, sender, motion, locate, signal);
    return () => {
        listeners.abort();
        motion.forget();
    };
}
