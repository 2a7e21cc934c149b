import type { Rectangle } from "../stream/wire";

const MAX_SCALE = 5;

/** The picture under two fingers: magnified by a pinch, moved with it, never away from its place. */
export class Magnifier {
    scale = 1;
    x = 0;
    y = 0;

    /** `box` is the picture's place without magnification; all in CSS pixels of the page. */
    pinch(box: Rectangle, factor: number, clientX: number, clientY: number, movedX: number, movedY: number): void {
        const scale = Math.min(Math.max(this.scale * factor, 1), MAX_SCALE);
        // What was under the fingers stays under them.
        const underX = (clientX - movedX - box.x - this.x) / this.scale;
        const underY = (clientY - movedY - box.y - this.y) / this.scale;
        this.scale = scale;
        this.x = Math.min(Math.max(clientX - box.x - underX * scale, box.width * (1 - scale)), 0);
        this.y = Math.min(Math.max(clientY - box.y - underY * scale, box.height * (1 - scale)), 0);
    }

    /** The transform of the picture, whose origin is its upper left corner. */
    get transform(): string {
        return this.scale === 1 ? "" : `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    }
}
