import type { Keyboard } from "./keyboard";
import type { RelativeMotion } from "./relative";
import { HERE, type InputSender, type Point } from "./sender";
import { attachTouch } from "./touch";
import { unitsOf, WheelAccumulator, type WheelUnits } from "./wheel";

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

    /** Somebody else has moved the pointer: where it was put last it is not any more. */
    displaced(): void {
        this.last = null;
    }

    forget(): void {
        cancelAnimationFrame(this.frame);
        this.frame = 0;
        this.waiting = null;
        this.last = null;
    }
}

/** What a canvas's pointer has to do with. */
export interface PointerContext {
    canvas: HTMLCanvasElement;
    sender: InputSender;
    keyboard: Keyboard;
    motion: PointerMotion;
    relative: RelativeMotion;
    locate: Locate;
    isLocked: () => boolean;
    /** How the pointer is moved just now, and where it is of late. */
    used: (pointerType: string, point: Point) => void;
    /** Two fingers closer or farther: by which factor, around which position of the page, which has itself moved. */
    pinch: (factor: number, clientX: number, clientY: number, movedX: number, movedY: number) => void;
}

const CONTROL_LEFT = 29;

/** Mouse, pen, wheel and touch of the canvas. Returns what takes the listeners off again. */
export function attachPointer(context: PointerContext): () => void {
    const { canvas, sender, keyboard, motion } = context;
    const listeners = new AbortController();
    const { signal } = listeners;

    // Only the first button of several makes a pointerdown; the others show in the `buttons` of a move.
    const changed = (event: PointerEvent) => {
        const locked = context.isLocked();
        const point = locked ? HERE : context.locate(event.clientX, event.clientY);
        if (event.pointerType === "touch" || point === null) {
            return;
        }
        if (locked) {
            context.relative.move(event.movementX, event.movementY);
        } else {
            motion.move(point);
            context.used(event.pointerType, point);
        }
        for (const [bit, button] of BUTTONS) {
            const down = (event.buttons & bit) !== 0;
            if (down !== sender.isPressed(button)) {
                keyboard.reconcile(event);
                keyboard.pressWaiting();
                motion.flush();
                context.relative.flush();
                sender.button(point, button, down);
            }
        }
    };
    canvas.addEventListener("pointermove", changed, { signal });
    canvas.addEventListener("pointerup", changed, { signal });
    canvas.addEventListener("pointercancel", changed, { signal });
    canvas.addEventListener("pointerdown", (event) => {
        canvas.focus({ preventScroll: true });
        if (event.pointerType !== "touch" && !context.isLocked()) {
            canvas.setPointerCapture(event.pointerId);
        }
        changed(event);
    }, { signal });

    // Back, forward, autoscroll, drag and the context menu belong to the sandbox.
    for (const name of ["mousedown", "mouseup", "auxclick", "contextmenu", "dragstart"] as const) {
        canvas.addEventListener(name, (event) => event.preventDefault(), { signal });
    }

    attachWheel(context, signal);
    attachTouch(context, signal);
    return () => {
        listeners.abort();
        motion.forget();
        context.relative.forget();
    };
}

function attachWheel({ canvas, sender, keyboard, motion, relative, locate, isLocked }: PointerContext, signal: AbortSignal) {
    const wheel = new WheelAccumulator();
    canvas.addEventListener("wheel", (event) => {
        event.preventDefault();
        const point = isLocked() ? HERE : locate(event.clientX, event.clientY);
        if (point === null) {
            return;
        }
        keyboard.pressWaiting();
        wheel.add(unshifted(event.shiftKey, unitsOf(event)));
        const units = wheel.take();
        if (units === null) {
            return;
        }
        motion.flush();
        relative.flush();
        // A pinch on a touchpad comes as a wheel with a Control key that nobody holds.
        const pinched = event.ctrlKey && !sender.isDown(CONTROL_LEFT) && !sender.isDown(97);
        if (pinched) {
            sender.key(CONTROL_LEFT, true);
        }
        if (!sender.wheel(point, units.horizontal, units.vertical)) {
            wheel.putBack(units);
        }
        if (pinched) {
            sender.key(CONTROL_LEFT, false);
        }
    }, { passive: false, signal });
}

/** With Shift browsers turn the wheel sideways; the programs of the desktop do that themselves. */
export function unshifted(shift: boolean, { horizontal, vertical }: WheelUnits): WheelUnits {
    return shift && vertical === 0 ? { horizontal: 0, vertical: horizontal } : { horizontal, vertical };
}
