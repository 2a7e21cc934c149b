import type { InputSender } from "./sender";

const LIMIT = 0x7fff;

/** Motion of a locked pointer, in pixels of the display: at most one message per animation frame, no fraction lost. */
export class RelativeMotion {
    private x = 0;
    private y = 0;
    private frame = 0;

    constructor(
        private readonly sender: InputSender,
        /** CSS pixels per pixel of the display. */
        private readonly scale: () => number,
        private readonly moved: (x: number, y: number) => void,
    ) {}

    move(movementX: number, movementY: number): void {
        const scale = this.scale();
        this.x += movementX / scale;
        this.y += movementY / scale;
        if (this.frame === 0) {
            this.frame = requestAnimationFrame(() => this.flush());
        }
    }

    /** Before a button or wheel message, which counts where the pointer is. */
    flush(): void {
        cancelAnimationFrame(this.frame);
        this.frame = 0;
        const x = Math.min(Math.max(Math.trunc(this.x), -LIMIT), LIMIT);
        const y = Math.min(Math.max(Math.trunc(this.y), -LIMIT), LIMIT);
        if ((x !== 0 || y !== 0) && this.sender.relative(x, y)) {
            this.x -= x;
            this.y -= y;
            this.moved(x, y);
        }
    }

    forget(): void {
        cancelAnimationFrame(this.frame);
        this.frame = 0;
        this.x = 0;
        this.y = 0;
    }
}
