import { fit } from "../input/geometry";
import { MAX_DISPLAY_HEIGHT, MAX_DISPLAY_WIDTH, MIN_DISPLAY_HEIGHT, MIN_DISPLAY_WIDTH } from "../stream/limits";
import { encodeResize, type Rectangle, type Size } from "../stream/wire";

/**
 * follow: the display takes the size of the window, pixel for pixel; fit: it keeps its size and is scaled into the window; actual: it keeps
 * its size and is shown pixel for pixel, with scroll bars where it is larger than the window.
 */
export type DisplayMode = "follow" | "fit" | "actual";

/** A window that is being dragged to another size is let go first. */
const STILL_MS = 120;
const MIN_SCALE = 50;
const MAX_SCALE = 400;

function limit(value: number, low: number, high: number): number {
    return Math.min(Math.max(value, low), high);
}

/** The display that fills `box` (CSS pixels) with one pixel for each of the screen's. */
export function displayFor(box: Size, pixelRatio: number): Size {
    return {
        width: limit(Math.floor(box.width * pixelRatio), MIN_DISPLAY_WIDTH, MAX_DISPLAY_WIDTH),
        height: limit(Math.floor(box.height * pixelRatio), MIN_DISPLAY_HEIGHT, MAX_DISPLAY_HEIGHT),
    };
}

/** Where the picture stands in the box, in CSS pixels. */
export function placeOf(mode: DisplayMode, display: Size, box: Size, pixelRatio: number): Rectangle {
    if (mode !== "actual") {
        return fit(display, box, pixelRatio);
    }
    const width = display.width / pixelRatio;
    const height = display.height / pixelRatio;
    const onDevice = (space: number) => Math.max(Math.floor((space * pixelRatio) / 2), 0) / pixelRatio;
    return { x: onDevice(box.width - width), y: onDevice(box.height - height), width, height };
}

/** Asks for the display that fills the window: at once for a new connection, else when the window has been still for a moment. */
export class SizeFollower {
    private timer: ReturnType<typeof setTimeout> | undefined;
    private asked: { size: Size; scale: number } | null = null;
    mode: DisplayMode = "follow";

    constructor(
        private readonly box: () => Size,
        private readonly send: (message: ArrayBuffer) => boolean,
    ) {}

    /** A streamer that has been asked nothing yet. */
    restart(): void {
        this.asked = null;
        this.ask();
    }

    changed(): void {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.ask(), STILL_MS);
    }

    /** Somebody looks at this window again: of several viewers the display follows the one that was used last. */
    returned(): void {
        this.asked = null;
        this.changed();
    }

    close(): void {
        clearTimeout(this.timer);
    }

    private ask(): void {
        clearTimeout(this.timer);
        const box = this.box();
        if (this.mode !== "follow" || box.width === 0 || box.height === 0) {
            return;
        }
        const size = displayFor(box, devicePixelRatio);
        const scale = limit(Math.round(devicePixelRatio * 100), MIN_SCALE, MAX_SCALE);
        const { asked } = this;
        if (asked?.size.width === size.width && asked.size.height === size.height && asked.scale === scale) {
            return;
        }
        if (this.send(encodeResize(size, scale))) {
            this.asked = { size, scale };
        }
    }
}
