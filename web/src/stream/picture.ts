import { Inflater } from "./inflate";
import { decodeBgrx, decodeQoi, decodeQoiChunks } from "./qoi";
import type { DecodedFrame } from "./video";
import type { CopyRectangle, LosslessRectangle, Point, Rectangle, Size } from "./wire";

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
    private readonly inflater = new Inflater();

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

    /** What deflated rectangles refer to begins anew, with a key frame. */
    restart(): void {
        this.inflater.reset();
    }

    /**
     * Paints the rectangles (of the display) of a decoded frame whose top left lies at `origin`, and nothing else of it. A small visible
     * rectangle spares the browser the conversion of the whole frame (16 ms at 1080p in software).
     */
    paintFrame(frame: DecodedFrame, origin: Point, rectangles: readonly Rectangle[]): void {
        for (const area of rectangles) {
            if (frame.image instanceof HTMLVideoElement) {
                const { x, y, width, height } = area;
                this.context.drawImage(frame.image, x - origin.x, y - origin.y, width, height, x, y, width, height);
            } else if (area.width * area.height >= frame.width * frame.height) {
                this.context.drawImage(frame.image, area.x, area.y);
            } else {
                this.paintPart(frame.image, frame, origin, area);
            }
        }
    }

    private paintPart(frame: VideoFrame, size: Size, origin: Point, area: Rectangle): void {
        const { width, height } = area;
        const x = area.x - origin.x;
        const y = area.y - origin.y;
        const visible = chromaAligned({ x, y, width, height }, size);
        if (visible.width <= 0 || visible.height <= 0) {
            return;
        }
        const part = new VideoFrame(frame, { visibleRect: visible });
        try {
            this.context.drawImage(part, x - visible.x, y - visible.y, width, height, area.x, area.y, width, height);
        } finally {
            part.close();
        }
    }

    paintLossless({ rectangle, encoding, band, data }: LosslessRectangle): void {
        const pixels = this.pixelsOf(rectangle, encoding, band, data);
        this.context.putImageData(new ImageData(pixels, rectangle.width, rectangle.height), rectangle.x, rectangle.y);
    }

    private pixelsOf(
        { width, height }: Size,
        encoding: LosslessRectangle["encoding"],
        band: number,
        data: Uint8Array,
    ): Uint8ClampedArray<ArrayBuffer> {
        switch (encoding) {
            case "qoi":
                return decodeQoi(data, width, height);
            case "bgrx":
                return decodeBgrx(data);
            case "deflated":
                return decodeQoiChunks(this.inflater.inflate(data, width * height * 4), width, height, band);
        }
    }

    /** Each copy sees what the ones before it have left, and all of its source before it paints. */
    copy(copies: readonly CopyRectangle[]): void {
        for (const { sourceX, sourceY, target } of copies) {
            const { x, y, width, height } = target;
            this.context.drawImage(this.canvas, sourceX, sourceY, width, height, x, y, width, height);
        }
    }
}
