import type { Locate, PointerMotion } from "./pointer";
import type { InputSender, Point } from "./sender";
import { WheelAccumulator } from "./wheel";

const LONG_PRESS_MS = 500;
/** A finger that stays within this many CSS pixels taps; beyond it drags. */
const SLOP = 10;
/** CSS pixels of two fingers per notch of the wheel. */
const PIXELS_PER_NOTCH = 40;
const LEFT = 1;
const RIGHT = 3;

interface Finger {
    startX: number;
    startY: number;
    x: number;
    y: number;
}

/**
 * Touch as a mouse: a tap clicks, a finger that moves drags, a long press is a right click, two fingers
 * scroll. What a gesture is gets decided once; it stays that until all fingers are gone.
 */
export class TouchGesture {
    private readonly fingers = new Map<number, Finger>();
    private readonly wheel = new WheelAccumulator();
    private mode: "idle" | "undecided" | "dragging" | "scrolling" | "done" = "idle";
    private timer: ReturnType<typeof setTimeout> | undefined;

    constructor(
        private readonly sender: InputSender,
        private readonly motion: PointerMotion,
        private readonly locate: Locate,
    ) {}

    down(id: number, x: number, y: number): void {
        this.fingers.set(id, { startX: x, startY: y, x, y });
        if (this.fingers.size === 1) {
            this.mode = "undecided";
            this.timer = setTimeout(() => this.longPress(), LONG_PRESS_MS);
        } else if (this.mode === "undecided" && this.fingers.size === 2) {
            clearTimeout(this.timer);
            this.mode = "scrolling";
            this.wheel.reset();
        }
    }

    move(id: number, x: number, y: number): void {
        const finger = this.fingers.get(id);
        if (finger === undefined) {
            return;
        }
        const deltaX = x - finger.x;
        const deltaY = y - finger.y;
        finger.x = x;
        finger.y = y;
        if (this.mode === "undecided" && Math.hypot(x - finger.startX, y - finger.startY) > SLOP) {
            clearTimeout(this.timer);
            this.mode = "dragging";
            this.press(finger.startX, finger.startY, LEFT, true);
        }
        if (this.mode === "dragging") {
            const point = this.locate(x, y);
            if (point !== null) {
                this.motion.move(point);
            }
        } else if (this.mode === "scrolling") {
            this.scroll(deltaX / this.fingers.size, deltaY / this.fingers.size, finger);
        }
    }

    up(id: number, cancelled: boolean): void {
        const finger = this.fingers.get(id);
        if (finger === undefined) {
            return;
        }
        this.fingers.delete(id);
        if (this.mode === "dragging") {
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
    private scroll(deltaX: number, deltaY: number, finger: Finger): void {
        this.wheel.add(-deltaX / PIXELS_PER_NOTCH, -deltaY / PIXELS_PER_NOTCH, 2);
        const units = this.wheel.take();
        const point = this.locate(finger.x, finger.y);
        if (units !== null && point !== null) {
            this.sender.wheel(point, units.horizontal, units.vertical);
        }
    }
}

export function attachTouch(
    canvas: HTMLCanvasElement,
    sender: InputSender,
    motion: PointerMotion,
    locate: Locate,
    signal: AbortSignal,
): void {
    const gesture = new TouchGesture(sender, motion, locate);
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
