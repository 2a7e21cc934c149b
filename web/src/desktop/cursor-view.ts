import type { Point } from "../input/sender";
import type { Cursor } from "../stream/desktop-stream";
import type { Size } from "../stream/wire";

/** Browsers ignore larger cursor images (CSS pixels). */
const MAX_CSS_SIZE = 128;
/** However small the picture is shown, its cursor stays this large, if it is so at all. */
const MIN_CSS_SIZE = 16;

/** CSS pixels per pixel of the cursor, when the picture has `scale` CSS pixels per pixel. */
export function cursorScale({ width, height }: Size, scale: number): number {
    return Math.max(scale, Math.min(1, MIN_CSS_SIZE / Math.max(width, height, 1)));
}

/** Whether the page has to draw a cursor of this size itself. */
export function isTooLarge({ width, height }: Size, scale: number): boolean {
    return Math.max(width, height) * scale > MAX_CSS_SIZE;
}

/**
 * The sandbox's cursor: the browser's own with the sandbox's picture, at the sharpness of the screen, so that it moves without
 * any delay; an element over the picture where there is no such cursor: under a finger, under a pointer lock, for large pictures, and
 * where somebody else has moved the pointer to.
 */
export class CursorView {
    private readonly element = document.createElement("canvas");
    private cursor: Cursor | null = null;
    private url = "";
    private point: Point | null = null;
    private drawn = false;
    /** The pointer is not where this browser's is. */
    private elsewhere = false;
    private shown = "";

    constructor(
        private readonly canvas: HTMLCanvasElement,
        private readonly stage: HTMLElement,
        private readonly display: () => Size | null,
    ) {
        this.element.className = "desktop-cursor";
        this.element.setAttribute("aria-hidden", "true");
        this.element.hidden = true;
        canvas.after(this.element);
    }

    set(cursor: Cursor | null): void {
        this.cursor = cursor;
        this.url = "";
        if (cursor !== null && cursor.size.width > 0) {
            const { width, height } = cursor.size;
            this.element.width = width;
            this.element.height = height;
            const context = this.element.getContext("2d");
            context?.putImageData(new ImageData(new Uint8ClampedArray(cursor.pixels), width, height), 0, 0);
            this.url = this.element.toDataURL();
        }
        this.show();
    }

    /** `drawn`: no cursor of the browser is there to take the picture. */
    moveTo(point: Point, drawn: boolean): void {
        this.put(point, drawn, false);
    }

    /** Somebody else has moved the pointer: this browser keeps an arrow of its own until it moves it back. */
    moveElsewhere(point: Point): void {
        this.put(point, true, true);
    }

    private put(point: Point, drawn: boolean, elsewhere: boolean): void {
        this.point = point;
        if (drawn !== this.drawn || elsewhere !== this.elsewhere) {
            this.drawn = drawn;
            this.elsewhere = elsewhere;
            this.show();
        } else if (!this.element.hidden) {
            this.place();
        }
    }

    /** By a step of a locked pointer: the sandbox does not tell where it is. */
    moveBy(x: number, y: number): void {
        const display = this.display();
        if (display !== null && this.point !== null) {
            this.moveTo({
                x: Math.min(Math.max(this.point.x + x, 0), display.width - 1),
                y: Math.min(Math.max(this.point.y + y, 0), display.height - 1),
            }, true);
        }
    }

    /** After the picture's place, its size or the screen's sharpness has changed. */
    show(): void {
        const scale = this.scale();
        const visible = this.cursor !== null && this.cursor.size.width > 0;
        const drawn = visible && (this.drawn || isTooLarge(this.cursor!.size, scale));
        this.element.hidden = !drawn || this.point === null;
        this.place();
        const arrow = this.cursor === null || this.elsewhere;
        const style = arrow ? "default" : drawn || !visible ? "none" : this.style(scale);
        if (style !== this.shown) {
            this.shown = style;
            this.canvas.style.cursor = style;
        }
    }

    close(): void {
        this.element.remove();
    }

    private scale(): number {
        const display = this.display();
        const picture = display === null ? 1 : this.canvas.getBoundingClientRect().width / display.width;
        return this.cursor === null ? 1 : cursorScale(this.cursor.size, picture || 1);
    }

    private style(scale: number): string {
        const { hotX, hotY } = this.cursor!;
        const hot = `${Math.floor(hotX * scale)} ${Math.floor(hotY * scale)}`;
        // The image has so many pixels per CSS pixel: on a sharp screen it is as sharp as the picture.
        const density = Number((1 / scale).toFixed(4));
        for (const set of ["image-set", "-webkit-image-set"]) {
            const style = `${set}(url(${this.url}) ${density}x) ${hot}, default`;
            if (CSS.supports("cursor", `${set}(url(a) ${density}x) ${hot}, default`)) {
                return style;
            }
        }
        return `url(${this.url}) ${hotX} ${hotY}, default`;
    }

    private place(): void {
        const display = this.display();
        if (this.element.hidden || this.cursor === null || this.point === null || display === null) {
            return;
        }
        const picture = this.canvas.getBoundingClientRect();
        const stage = this.stage.getBoundingClientRect();
        const perPixel = picture.width / display.width;
        const scale = this.scale();
        const x = picture.left - stage.left + (this.point.x + 0.5) * perPixel - (this.cursor.hotX + 0.5) * scale;
        const y = picture.top - stage.top + (this.point.y + 0.5) * perPixel - (this.cursor.hotY + 0.5) * scale;
        const { style } = this.element;
        style.width = `${this.cursor.size.width * scale}px`;
        style.height = `${this.cursor.size.height * scale}px`;
        style.transform = `translate(${x}px, ${y}px)`;
    }
}
