import { decodeBgrx, decodeQoi } from "./qoi";
import type { CopyRectangle, LosslessEncoding, Rectangle, Size } from "./wire";

/** The smallest rectangle around `rectangle` that starts and ends on whole 4:2:0 chroma samples of `frame`. */
export function chromaAligned(rectangle: Rectangle, frame: Size): Rectangle {
    const x = rectangle.x & ~1;
    const y = rectangle.y & ~1;
    const right = Math.min((rectangle.x + rectangle.width + 1) & ~1, frame.width);
    const bottom = Math.min((rectangle.y + rectangle.height + 1) & ~1, frame.height);
    return { x, y, width: right - x, height: bottom - y };
}

/** The canvas and the only ways in which a stream may change it. */
export class Picture {
    private readonly context: CanvasRenderingContext2D;

    constructor(private readonly canvas: HTMLCanvasElement) {
        const context = canvas.getContext("2d", { alpha: false });
        if (context === null) {
            throw new Error("this browser gives no 2d canvas");
        }
        this.context = context;
    }

    resize(size: Size): void {
        const { canvas } = this;
        if (canvas.width !== size.width || canvas.height !== size.height) {
            const old = this.context.getImageData(0, 0, canvas.width, canvas.height);
            canvas.width = size.width;
            canvas.height = size.height;
            this.context.putImageData(old, 0, 0);
        }
        this.context.imageSmoothingEnabled = false;
    }

    /**
     * Paints the rectangles of a decoded frame and nothing else of it. A small visible rectangle spares the
     * browser the conversion of the whole frame (16 ms at 1080p in software).
     */
    paintFrame(frame: VideoFrame, rectangles: readonly Rectangle[]): void {
        const size = { width: frame.displayWidth, height: frame.displayHeight };
        for (const area of rectangles) {
            if (area.width * area.height >= size.width * size.height) {
                this.context.drawImage(frame, 0, 0);
                continue;
            }
            const visible = chromaAligned(area, size);
            if (visible.width <= 0 || visible.height <= 0) {
                continue;
            }
            const part = new VideoFrame(frame, { visibleRect: visible });
            try {
                const left = area.x - visible.x;
                const top = area.y - visible.y;
                const { x, y, width, height } = area;
                this.context.drawImage(part, left, top, width, height, x, y, width, height);
            } finally {
                part.close();
            }
        }
    }

    paintLossless(area: Rectangle, encoding: LosslessEncoding, data: Uint8Array): void {
        const pixels = encoding === "qoi" ? decodeQoi(data, area.width, area.height) : decodeBgrx(data);
        this.context.putImageData(new ImageData(pixels, area.width, area.height), area.x, area.y);
    }

    copy(copies: readonly CopyRectangle[]): void {
        for (const { sourceX, sourceY, target } of copies) {
            const { x, y, width, height } = target;
            this.context.drawImage(this.canvas, sourceX, sourceY, width, height, x, y, width, height);
        }
    }
}
