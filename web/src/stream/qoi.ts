/**
 * Decoder of the QOI image format, version 1.0. The caller knows the size; the header must agree with it, so
 * a hostile image can't choose how much is allocated.
 */

export class QoiError extends Error {
    override name = "QoiError";
}

const HEADER_BYTES = 14;
const END_BYTES = 8;

const OP_RGB = 0xfe;
const OP_RGBA = 0xff;

function checkFrame(data: Uint8Array, width: number, height: number): void {
    if (data.length < HEADER_BYTES + END_BYTES) {
        throw new QoiError("image is too short");
    }
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    if (view.getUint32(0) !== 0x716f6966) {
        throw new QoiError("not a QOI image");
    }
    if (view.getUint32(4) !== width || view.getUint32(8) !== height) {
        throw new QoiError("image and rectangle differ in size");
    }
    const channels = view.getUint8(12);
    if ((channels !== 3 && channels !== 4) || view.getUint8(13) > 1) {
        throw new QoiError("unknown channels or colour space");
    }
    for (let i = 1; i <= END_BYTES; i++) {
        if (data[data.length - i] !== (i === 1 ? 1 : 0)) {
            throw new QoiError("end marker is missing");
        }
    }
}

function hash(red: number, green: number, blue: number, alpha: number): number {
    return (red * 3 + green * 5 + blue * 7 + alpha * 11) & 63;
}

function word(red: number, green: number, blue: number, alpha: number): number {
    return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/**
 * Fills `pixels` from the chunks of `data` at `offset`. Reads may run into the 8 bytes of the end marker, never past the
 * data's end by more than that; the caller finds that by the offset, which is returned when all pixels are painted.
 */
function decodeChunks(data: Uint8Array, start: number, end: number, pixels: Uint32Array): number {
    const seen = new Uint32Array(64);
    let red = 0;
    let green = 0;
    let blue = 0;
    let alpha = 255;
    let offset = start;
    for (let painted = 0; painted < pixels.length;) {
        if (offset >= end) {
            throw new QoiError("image ends early");
        }
        const tag = data[offset++]!;
        let run = 1;
        if (tag === OP_RGB || tag === OP_RGBA) {
            red = data[offset++]!;
            green = data[offset++]!;
            blue = data[offset++]!;
            alpha = tag === OP_RGBA ? data[offset++]! : alpha;
        } else if (tag >= 0xc0) {
            run = (tag & 0x3f) + 1;
        } else if (tag >= 0x80) {
            const second = data[offset++]!;
            const difference = (tag & 0x3f) - 32;
            red = (red + difference - 8 + (second >> 4)) & 0xff;
            green = (green + difference) & 0xff;
            blue = (blue + difference - 8 + (second & 0x0f)) & 0xff;
        } else if (tag >= 0x40) {
            red = (red + ((tag >> 4) & 3) - 2) & 0xff;
            green = (green + ((tag >> 2) & 3) - 2) & 0xff;
            blue = (blue + (tag & 3) - 2) & 0xff;
        } else {
            const known = seen[tag]!;
            red = known & 0xff;
            green = (known >> 8) & 0xff;
            blue = (known >> 16) & 0xff;
            alpha = known >>> 24;
        }
        if (run > pixels.length - painted) {
            throw new QoiError("run is longer than the image");
        }
        seen[hash(red, green, blue, alpha)] = word(red, green, blue, alpha);
        if (run === 1) {
            pixels[painted] = word(red, green, blue, 255);
        } else {
            pixels.fill(word(red, green, blue, 255), painted, painted + run);
        }
        painted += run;
    }
    return offset;
}

/**
 * Decodes an opaque picture of exactly `width` x `height` into canvas pixels; alpha is always 255. Throws
 * QoiError when the data is not exactly one such image.
 */
export function decodeQoi(data: Uint8Array, width: number, height: number): Uint8ClampedArray<ArrayBuffer> {
    checkFrame(data, width, height);
    const bytes = new Uint8ClampedArray(width * height * 4);
    const end = data.length - END_BYTES;
    // Canvas pixels are bytes in the order red, green, blue, alpha: little-endian words, as on every browser.
    if (decodeChunks(data, HEADER_BYTES, end, new Uint32Array(bytes.buffer)) !== end) {
        throw new QoiError("image does not end with its last pixel");
    }
    return bytes;
}

/** Pixels that came column by column, within bands of `band` rows, row by row. */
function fromBands(pixels: Uint32Array, width: number, height: number, band: number): Uint32Array<ArrayBuffer> {
    const rows = new Uint32Array(pixels.length);
    let from = 0;
    for (let top = 0; top < height; top += band) {
        const bottom = Math.min(top + band, height) * width;
        for (let x = 0; x < width; x++) {
            for (let to = top * width + x; to < bottom; to += width) {
                rows[to] = pixels[from++]!;
            }
        }
    }
    return rows;
}

/**
 * The same from chunks alone, without header and end marker. With a band the pixels come column by column within bands of so many rows.
 */
export function decodeQoiChunks(
    data: Uint8Array,
    width: number,
    height: number,
    band: number,
): Uint8ClampedArray<ArrayBuffer> {
    const pixels = new Uint32Array(width * height);
    if (decodeChunks(data, 0, data.length, pixels) !== data.length) {
        throw new QoiError("chunks do not end with the last pixel");
    }
    const rows = band > 0 ? fromBands(pixels, width, height, band) : pixels;
    return new Uint8ClampedArray(rows.buffer);
}

/** The X server's 32-bit pixels to canvas pixels; `data` holds a whole number of them. */
export function decodeBgrx(data: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
    const bytes = new Uint8ClampedArray(data.length);
    for (let i = 0; i < data.length; i += 4) {
        bytes[i] = data[i + 2]!;
        bytes[i + 1] = data[i + 1]!;
        bytes[i + 2] = data[i]!;
        bytes[i + 3] = 255;
    }
    return bytes;
}
