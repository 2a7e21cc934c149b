/** One notch of a wheel in the protocol's units: programs under X scroll by notches, and by nothing smaller. */
const NOTCH = 120;
/** What programs of the desktop make of a notch: Chromium scrolls by so many of its pixels, a terminal by as many in lines. */
const PIXELS_OF_NOTCH = 120;
const LINES_OF_NOTCH = 3;
/** A message that the link did not take is made up for, but for no more than this. */
const OWED_MAX = 10 * NOTCH;
const MAX_UNITS = 0x7fff;

export interface WheelUnits {
    horizontal: number;
    vertical: number;
}

/** What is read of a WheelEvent. */
export interface WheelLike {
    readonly deltaMode: number;
    readonly deltaX: number;
    readonly deltaY: number;
    /** Of Chromium and Safari, not of Firefox: 120 for a notch, whatever the deltas; 3 for a pixel of a touchpad. */
    readonly wheelDeltaX?: number;
    readonly wheelDeltaY?: number;
}

/** A wheel with notches tells multiples of 120 that are not just three times its pixels. */
function isNotched(delta: number, wheelDelta: number | undefined): wheelDelta is number {
    return wheelDelta !== undefined && wheelDelta !== 0 && wheelDelta % NOTCH === 0 && wheelDelta !== -3 * delta;
}

/**
 * Both axes in 1/120 notches. A touchpad's pixels are as many pixels in the desktop; a notch of a wheel is one there, however many pixels
 * this browser makes of it.
 */
export function unitsOf(event: WheelLike): WheelUnits {
    // Before the deltas: Firefox tells pixels to who looks at these first, and these depend on the font.
    const { deltaMode } = event;
    const units = (delta: number, wheelDelta: number | undefined) => {
        if (deltaMode === 1) {
            return (delta * NOTCH) / LINES_OF_NOTCH;
        }
        if (deltaMode === 2) {
            return delta * NOTCH;
        }
        return isNotched(delta, wheelDelta) ? -wheelDelta : (delta * NOTCH) / PIXELS_OF_NOTCH;
    };
    return { horizontal: units(event.deltaX, event.wheelDeltaX), vertical: units(event.deltaY, event.wheelDeltaY) };
}

/** Adds up movement in 1/120 notches and hands out whole units, so that slow touchpads aren't lost. */
export class WheelAccumulator {
    private horizontal = 0;
    private vertical = 0;

    add({ horizontal, vertical }: WheelUnits): void {
        this.horizontal += horizontal;
        this.vertical += vertical;
    }

    /** null when there is no whole unit yet. */
    take(): WheelUnits | null {
        const horizontal = clamp(Math.trunc(this.horizontal), MAX_UNITS);
        const vertical = clamp(Math.trunc(this.vertical), MAX_UNITS);
        if (horizontal === 0 && vertical === 0) {
            return null;
        }
        this.horizontal -= horizontal;
        this.vertical -= vertical;
        return { horizontal, vertical };
    }

    /** What was taken and could not be sent goes with the next. */
    putBack({ horizontal, vertical }: WheelUnits): void {
        this.horizontal = clamp(this.horizontal + horizontal, OWED_MAX);
        this.vertical = clamp(this.vertical + vertical, OWED_MAX);
    }

    reset(): void {
        this.horizontal = 0;
        this.vertical = 0;
    }
}

function clamp(units: number, most: number): number {
    return Math.min(Math.max(units, -most), most);
}
