import { parseRecord, RECORD_SIZE } from "./format";

/** Gives bytes from a place of the file: at least one, perhaps fewer than wanted. */
export type Fetch = (from: number, length: number) => Promise<ArrayBuffer>;

export interface Recorded {
    time: number;
    message: ArrayBuffer;
    /** Where the next record stands. */
    next: number;
}

const PIECE = 1024 * 1024;

/** Reads records one after the other, fetching as large pieces as the server gives. */
export class RecordingReader {
    private start = 0;
    private bytes = new Uint8Array(0);

    constructor(private readonly fetch: Fetch, private readonly end: number) {}

    /** null at the end of the recording. */
    async read(offset: number): Promise<Recorded | null> {
        if (offset + RECORD_SIZE > this.end) {
            return null;
        }
        const head = await this.take(offset, RECORD_SIZE);
        const { length, time } = parseRecord(new DataView(head.buffer, head.byteOffset, head.byteLength));
        if (offset + RECORD_SIZE + length > this.end) {
            return null;
        }
        const message = await this.take(offset + RECORD_SIZE, length);
        return { time, message: message.slice().buffer as ArrayBuffer, next: offset + RECORD_SIZE + length };
    }

    private async take(offset: number, length: number): Promise<Uint8Array> {
        if (offset < this.start || offset > this.start + this.bytes.length) {
            this.start = offset;
            this.bytes = new Uint8Array(0);
        }
        const parts = [this.bytes.subarray(offset - this.start)];
        let have = parts[0]!.length;
        const missing = have < length;
        while (have < length) {
            const part = new Uint8Array(await this.fetch(offset + have, PIECE));
            if (part.length === 0) {
                throw new Error("the recording ended early");
            }
            parts.push(part);
            have += part.length;
        }
        if (missing) {
            const joined = new Uint8Array(have);
            let at = 0;
            for (const part of parts) {
                joined.set(part, at);
                at += part.length;
            }
            this.start = offset;
            this.bytes = joined;
        }
        return this.bytes.subarray(offset - this.start, offset - this.start + length);
    }
}
