/** Builders of streamer messages, valid and not. */
export const DISPLAY = { width: 640, height: 480 };

type Box = [number, number, number, number];

class Writer {
    private readonly bytes: number[] = [];

    u8(...values: number[]): this {
        this.bytes.push(...values.map((value) => value & 0xff));
        return this;
    }

    u16(...values: number[]): this {
        for (const value of values) {
            this.u8(value, value >> 8);
        }
        return this;
    }

    u32(...values: number[]): this {
        for (const value of values) {
            this.u16(value, value >>> 16);
        }
        return this;
    }

    add(data: Iterable<number>): this {
        for (const value of data) {
            this.bytes.push(value);
        }
        return this;
    }

    end(): ArrayBuffer {
        return new Uint8Array(this.bytes).buffer;
    }
}

function start(kind: number, flags = 0): Writer {
    return new Writer().u8(kind, flags).u16(0);
}

function header(writer: Writer, sequence: number): Writer {
    return writer.u32(sequence, 7, 0x05060708, 0x01020304, 11, 12, 13);
}

export function hello(width = 640, height = 480, codec = "avc1.42C028"): ArrayBuffer {
    const text = [...codec].map((character) => character.charCodeAt(0));
    return start(1).u16(1, width, height, 60).u8(text.length).add(text).end();
}

export function video(sequence: number, key: boolean, boxes: Box[], origin: [number, number] = [0, 0]): ArrayBuffer {
    const writer = header(start(2, key ? 1 : 0), sequence).u16(...origin, boxes.length);
    for (const box of boxes) {
        writer.u16(...box);
    }
    return writer.add([0, 0, 0, 1, 0x65]).end();
}

export function lossless(sequence: number, box: Box, encoding: number, data: Uint8Array, band = 0): ArrayBuffer {
    return header(start(3), sequence).u16(...box).u8(encoding, band, 0, 0).add(data).end();
}

export function copy(sequence: number, copies: [number, number, ...Box][]): ArrayBuffer {
    const writer = header(start(4), sequence).u16(copies.length);
    for (const values of copies) {
        writer.u16(...values);
    }
    return writer.end();
}

export function cursor(width: number, height: number, hotX: number, hotY: number): ArrayBuffer {
    return start(5).u16(width, height, hotX, hotY).add(new Uint8Array(width * height * 4)).end();
}

export function clipboard(step: number, type: number, value: number, data = new Uint8Array(), second = 0): ArrayBuffer {
    return start(6).u8(step, type).u16(0).u32(7, value, second).add(data).end();
}

export function audio(): ArrayBuffer {
    return start(7).u32(1, 0).u8(1).end();
}

export function display(width: number, height: number, codec = "avc1.42C028"): ArrayBuffer {
    const text = [...codec].map((character) => character.charCodeAt(0));
    return start(8).u16(width, height).u8(text.length).add(text).end();
}

export function pointer(x: number, y: number): ArrayBuffer {
    return start(10).u16(x, y).end();
}

export function statistics(): ArrayBuffer {
    return start(9).u32(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11).end();
}

/** The same numbers each time (xorshift32), so that a failure can be seen again. */
export function randomNumbers(seed: number): () => number {
    let state = seed;
    return () => {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        return state >>> 0;
    };
}
