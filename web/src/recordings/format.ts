/** The file of docs/RECORDING.md. What a sandbox showed stands in it: every byte is hostile. */

export const RECORD_SIZE = 16;
export const KEY_SIZE = 40;
export const MAX_RECORD = 8 * 1024 * 1024;
const MAX_OFFSET = Number.MAX_SAFE_INTEGER;

/** Where playing can begin: a key frame, and what has to be known before it. Offsets in the file; 0: there is none. */
export interface Key {
    /** ms since the start. */
    time: number;
    offset: number;
    hello: number;
    display: number;
    cursor: number;
}

export interface Index {
    keys: readonly Key[];
    /** The file's end: bytes and ms. */
    end: number;
    duration: number;
}

/** Of a message that no streamer sends: where the viewers' pointer is. */
const POINTER = 0x40;

/** null: the message is another one. */
export function parsePointer(message: ArrayBuffer): { x: number; y: number } | null {
    const view = new DataView(message);
    if (view.getUint8(0) !== POINTER) {
        return null;
    }
    if (view.byteLength !== 8) {
        throw new FormatError("a pointer of a wrong length");
    }
    return { x: view.getUint16(4, true), y: view.getUint16(6, true) };
}

export class FormatError extends Error {
    override name = "FormatError";
}

function numberAt(view: DataView, offset: number): number {
    const value = view.getBigUint64(offset, true);
    if (value > BigInt(MAX_OFFSET)) {
        throw new FormatError("a number is too large");
    }
    return Number(value);
}

/** The last entry tells the end; the ones before it rise in time and place. */
export function parseIndex(buffer: ArrayBuffer): Index {
    const view = new DataView(buffer);
    const count = buffer.byteLength / KEY_SIZE;
    if (!Number.isInteger(count) || count < 1) {
        throw new FormatError("the index is not whole");
    }
    const keys: Key[] = [];
    for (let i = 0; i < count; i++) {
        const at = i * KEY_SIZE;
        const [time, offset, hello, display, cursor] = [0, 8, 16, 24, 32].map((field) => numberAt(view, at + field)) as
            [number, number, number, number, number];
        const before = keys.at(-1);
        if (before !== undefined && (offset <= before.offset || time / 1000 < before.time)) {
            throw new FormatError("the index does not rise");
        }
        if (Math.max(hello, display, cursor) >= offset) {
            throw new FormatError("the index points forward");
        }
        keys.push({ time: time / 1000, offset, hello, display, cursor });
    }
    const last = keys.pop()!;
    return { keys, end: last.offset, duration: last.time };
}

/** The record at the view's begin: how long its message is, and when it came (ms). */
export function parseRecord(view: DataView): { length: number; time: number } {
    const length = view.getUint32(0, true);
    if (length < 1 || length > MAX_RECORD) {
        throw new FormatError(`a record of ${length} bytes`);
    }
    return { length, time: numberAt(view, 8) / 1000 };
}

/** The last key at or before a time; the first one for what lies before it. null: nothing can be played. */
export function keyBefore(keys: readonly Key[], time: number): Key | null {
    let low = 0;
    let high = keys.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (keys[middle]!.time <= time) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return keys[Math.max(low - 1, 0)] ?? null;
}
