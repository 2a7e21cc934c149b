// The X server's own pixels, read from the sealed memfd behind the running Xvfb: what the canvas is compared with.
import { closeSync, openSync, readSync, readdirSync, readlinkSync } from "node:fs";

const HEADER_BYTES = 3232; // FRAMEBUFFER_HEADER_SIZE of lib/streamer_channel.h
const STRIDE_OFFSET = 48; // bytes_per_line of the XWD header

// The pixels of one Xvfb process as RGBA, opaque, like a canvas gives them.
export function readFramebuffer(xvfbPid, width, height) {
    const directory = `/proc/${xvfbPid}/fd`;
    const name = readdirSync(directory).find((fd) => readlinkSync(`${directory}/${fd}`).startsWith("/memfd:"));
    if (!name) throw new Error("Xvfb holds no memfd");
    const pixels = Buffer.alloc(width * height * 4);
    const stride = Buffer.alloc(4); // the display may be smaller than the framebuffer
    const fd = openSync(`${directory}/${name}`, "r");
    try {
        readSync(fd, stride, 0, 4, STRIDE_OFFSET);
        for (let y = 0; y < height; y++) {
            const read = readSync(fd, pixels, y * width * 4, width * 4, HEADER_BYTES + y * stride.readUInt32BE());
            if (read !== width * 4) throw new Error(`read ${read} of ${width * 4} bytes`);
        }
    } finally {
        closeSync(fd);
    }
    for (let i = 0; i < pixels.length; i += 4) {
        const blue = pixels[i];
        pixels[i] = pixels[i + 2];
        pixels[i + 2] = blue;
        pixels[i + 3] = 255;
    }
    return pixels;
}

// The canvas named Desktop as RGBA bytes.
export async function readCanvas(page) {
    const base64 = await page.getByLabel("Desktop", { exact: true }).evaluate(async (canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const url = await new Promise((resolve) => {
            const reader = new FileReader();
            reader.onload = () => resolve(reader.result);
            reader.readAsDataURL(new Blob([data]));
        });
        return url.slice(url.indexOf(",") + 1);
    });
    return Buffer.from(base64, "base64");
}

// Pixels that differ in any channel.
export function differingPixels(a, b) {
    if (a.length !== b.length) return Infinity;
    const left = new Uint32Array(a.buffer, a.byteOffset, a.length / 4);
    const right = new Uint32Array(b.buffer, b.byteOffset, b.length / 4);
    let count = 0;
    for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) count++;
    return count;
}

// Pixels of exactly that colour.
export function countColour(pixels, [red, green, blue]) {
    let count = 0;
    for (let i = 0; i < pixels.length; i += 4) {
        if (pixels[i] === red && pixels[i + 1] === green && pixels[i + 2] === blue) count++;
    }
    return count;
}
