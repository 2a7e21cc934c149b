import type { Locate, PointerContext, PointerMotion } from "./pointer";
import type { InputSender, Point } from "./sender";
import { unitsOf, WheelAccumulator } from "./wheel";

const LONG_PRESS_MS = 500;
/** A finger that stays within this many CSS pixels taps; beyond it drags. */
const SLOP = 10;
/** Two fingers that come this much closer or farther, before they have moved as far together, pinch. */
const PINCH_PIXELS = 24;
const LEFT = 1;
const RIGHT = 3;

interface Finger {
    startX: number;
    startY: number;
    x: number;
    y: number;
}

/** Two fingers: how far apart they are, and the point between them. */
interface Span {
    apart: number;
    x: number;
    y: number;
}

/**
 * Touch as a mouse: a tap clicks, a finger that moves drags, a long press is a right click, two fingers
 * scroll, or pinch to magnify the picture. What a gesture is gets decided once; it stays that until all fingers are gone.
 */
export class TouchGesture {
    private readonly fingers = new Map<number, Finger>();
    private readonly wheel = new WheelAccumulator();
    /** The finger that came first: it alone drags. */
    private first = 0;
    private mode: "idle" | "undecided" | "two" | "dragging" | "scrolling" | "pinching" | "done" = "idle";
    private start: Span = { apart: 1, x: 0, y: 0 };
    private last: Span = this.start;
    private timer: ReturnType<typeof setTimeout> | undefined;

    constructor(
        private readonly sender: InputSender,
        private readonly motion: PointerMotion,
        private readonly locate: Locate,
        private readonly pinch: PointerContext["pinch"] = () => undefined,
    ) {}

    down(id: number, x: number, y: number): void {
        this.fingers.set(id, { startX: x, startY: y, x, y });
        if (this.fingers.size === 1) {
            this.mode = "undecided";
            this.first = id;
            this.timer = setTimeout(() => this.longPress(), LONG_PRESS_MS);
        } else if (this.mode === "undecided" && this.fingers.size === 2) {
            clearTimeout(this.timer);
            this.mode = "two";
            this.start = this.span();
            this.last = this.start;
            this.wheel.reset();
        }
    }

    move(id: number, x: number, y: number): void {
        const finger = this.fingers.get(id);
        if (finger === undefined) {
            return;
        }
        finger.x = x;
        finger.y = y;
        if (this.mode === "undecided" && Math.hypot(x - finger.startX, y - finger.startY) > SLOP) {
            clearTimeout(this.timer);
            this.mode = "dragging";
            this.press(finger.startX, finger.startY, LEFT, true);
        }
        if (this.mode === "dragging") {
            const point = id === this.first ? this.locate(x, y) : null;
            if (point !== null) {
                this.motion.move(point);
            }
        } else if (this.fingers.size === 2) {
            this.moveBoth();
        }
    }

    private span(): Span {
        const [a, b] = [...this.fingers.values()];
        if (a === undefined || b === undefined) {
            return this.last;
        }
        return { apart: Math.max(Math.hypot(a.x - b.x, a.y - b.y), 1), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    }

    private moveBoth(): void {
        const span = this.span();
        if (this.mode === "two") {
            const moved = Math.hypot(span.x - this.start.x, span.y - this.start.y);
            if (Math.abs(span.apart - this.start.apart) > PINCH_PIXELS) {
                this.mode = "pinching";
            } else if (moved > SLOP) {
                this.mode = "scrolling";
            } else {
                return;
            }
        }
        if (this.mode === "scrolling") {
            this.scroll(span.x - this.last.x, span.y - this.last.y, span);
        } else if (this.mode === "pinching") {
            this.pinch(span.apart / this.last.apart, span.x, span.y, span.x - this.last.x, span.y - this.last.y);
        }
        this.last = span;
    }

    up(id: number, cancelled: boolean): void {
        const finger = this.fingers.get(id);
        if (finger === undefined) {
            return;
        }
        this.fingers.delete(id);
        if (this.mode === "dragging" && id === this.first) {
            this.press(finger.x, finger.y, LEFT, false);
            this.mode = "done";
        } else if (this.mode === "undecided") {
            clearTimeout(this.timer);
            if (!cancelled) {
                this.click(finger, LEFT);
            }
        }
        if (this.fingers.size === 0) {
            this.mode = "idle";
        }
    }

    private longPress(): void {
        const finger = [...this.fingers.values()][0];
        if (this.mode === "undecided" && finger !== undefined) {
            this.mode = "done";
            this.click(finger, RIGHT);
        }
    }

    private click(finger: Finger, button: number): void {
        this.press(finger.x, finger.y, button, true);
        this.press(finger.x, finger.y, button, false);
    }

    private press(x: number, y: number, button: number, down: boolean): void {
        const point: Point | null = this.locate(x, y);
        if (point !== null) {
            this.motion.move(point);
            this.motion.flush();
            this.sender.button(point, button, down);
        }
    }

    /** The picture follows the fingers: down means towards what is above. */
    private scroll(deltaX: number, deltaY: number, at: Span): void {
        this.wheel.add(unitsOf({ deltaMode: 0, deltaX: -deltaX, deltaY: -deltaY }));
        const units = this.wheel.take();
        const point = this.locate(at.x, at.y);
        if (units !== null && (point === null || !this.sender.wheel(point, units.horizontal, units.vertical))) {
            this.wheel.putBack(units);
        }
    }
}

export function attachTouch(context: PointerContext, signal: AbortSignal): void {
    const { canvas, sender, motion } = context;
    const locate: Locate = (x, y) => {
        const point = context.locate(x, y);
        if (point !== null) {
            context.used("touch", point);
        }
        return point;
    };
    const gesture = new TouchGesture(sender, motion, locate, context.pinch);
    const listen = (name: "pointerdown" | "pointermove" | "pointerup" | "pointercancel") =>
        canvas.addEventListener(name, (event) => {
            if (event.pointerType !== "touch") {
                return;
            }
            if (name === "pointerdown") {
                gesture.down(event.pointerId, event.clientX, event.clientY);
            } else if (name === "pointermove") {
                gesture.move(event.pointerId, event.clientX, event.clientY);
            } else {
                gesture.up(event.pointerId, name === "pointercancel");
            }
        }, { signal });
    listen("pointerdown");
    listen("pointermove");
    listen("pointerup");
    listen("pointercancel");
}
