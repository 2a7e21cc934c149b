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

/**
 * Decodes an opaque picture of exactly `width` x `height` into RGBA words in memory order; alpha is
 * always 255. Throws QoiError when the data is not exactly one such image.
 */
export function decodeQoi(data: Uint8Array, width: number, height: number): Uint8ClampedArray<ArrayBuffer> {
    checkFrame(data, width, height);
    const count = width * height;
    const bytes = new Uint8ClampedArray(count * 4);
    const pixels = new Uint32Array(bytes.buffer);
    const seen = new Uint32Array(64);
    const end = data.length - END_BYTES;
    let red = 0;
    let green = 0;
    let blue = 0;
    let alpha = 255;
    let offset = HEADER_BYTES;
    let painted = 0;

    // Reads inside the loop may run into the 8 bytes of the end marker, never past the array; the check
    // after the loop then finds an offset beyond `end`.
    while (painted < count && offset < end) {
        const tag = data[offset++]!;
        if (tag === OP_RGB || tag === OP_RGBA) {
            red = data[offset]!;
            green = data[offset + 1]!;
            blue = data[offset + 2]!;
            offset += 3;
            if (tag === OP_RGBA) {
                alpha = data[offset++]!;
            }
        } else if (tag >= 0xc0) {
            const run = (tag & 0x3f) + 1;
            if (run > count - painted) {
                throw new QoiError("run is longer than the image");
            }
            const word = ((0xff << 24) | (blue << 16) | (green << 8) | red) >>> 0;
            pixels.fill(word, painted, painted + run);
            seen[(red * 3 + green * 5 + blue * 7 + alpha * 11) & 63] =
                ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
            painted += run;
            continue;
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
            const word = seen[tag]!;
            red = word & 0xff;
            green = (word >> 8) & 0xff;
            blue = (word >> 16) & 0xff;
            alpha = word >>> 24;
        }
        seen[(red * 3 + green * 5 + blue * 7 + alpha * 11) & 63] =
            ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
        pixels[painted++] = ((0xff << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    }
    if (painted !== count || offset !== end) {
        throw new QoiError("image does not fill its rectangle exactly");
    }
    return bytes;
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
