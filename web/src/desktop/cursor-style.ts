import type { Cursor } from "../stream/desktop-stream";

/** Browsers ignore larger cursor images. */
const MAX_SIZE = 128;

/** The CSS cursor that shows the sandbox's; null means that none was sent yet. */
export function cursorStyle(cursor: Cursor | null): string {
    if (cursor === null) {
        return "default";
    }
    const { width, height } = cursor.size;
    if (width === 0) {
        return "none";
    }
    const source = canvasOf(width, height);
    source.context.putImageData(new ImageData(new Uint8ClampedArray(cursor.pixels), width, height), 0, 0);
    const scale = Math.min(1, MAX_SIZE / Math.max(width, height));
    if (scale === 1) {
        return style(source.canvas, cursor.hotX, cursor.hotY);
    }
    const small = canvasOf(Math.ceil(width * scale), Math.ceil(height * scale));
    small.context.drawImage(source.canvas, 0, 0, small.canvas.width, small.canvas.height);
    return style(small.canvas, Math.floor(cursor.hotX * scale), Math.floor(cursor.hotY * scale));
}

function style(canvas: HTMLCanvasElement, hotX: number, hotY: number): string {
    const x = Math.min(hotX, canvas.width - 1);
    const y = Math.min(hotY, canvas.height - 1);
    return `url(${canvas.toDataURL()}) ${x} ${y}, default`;
}

function canvasOf(width: number, height: number) {
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    if (context === null) {
        throw new Error("this browser gives no 2d canvas");
    }
    return { canvas, context };
}
