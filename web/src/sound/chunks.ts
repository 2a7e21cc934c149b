/** Samples of one packet: 20 ms of one channel at 48 kHz. */
export const CHUNK_SAMPLES = 960;

/** Cuts what comes in blocks of any size into chunks of CHUNK_SAMPLES. */
export class Chunks {
    private chunk = new Float32Array(CHUNK_SAMPLES);
    private filled = 0;

    constructor(private readonly full: (chunk: Float32Array<ArrayBuffer>) => void) {}

    push(samples: Float32Array): void {
        for (let at = 0; at < samples.length;) {
            const count = Math.min(samples.length - at, CHUNK_SAMPLES - this.filled);
            this.chunk.set(samples.subarray(at, at + count), this.filled);
            this.filled += count;
            at += count;
            if (this.filled === CHUNK_SAMPLES) {
                this.full(this.chunk);
                this.chunk = new Float32Array(CHUNK_SAMPLES);
                this.filled = 0;
            }
        }
    }
}
