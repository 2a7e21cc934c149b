import type { StreamerStatistics } from "./wire";

const SAMPLES = 256;

/** The value below which `share` of the samples lie; 0 without samples. */
export function percentile(samples: readonly number[], share: number): number {
    if (samples.length === 0) {
        return 0;
    }
    const sorted = [...samples].sort((a, b) => a - b);
    return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)]!;
}

/** Counters of one desktop page, over all its connections. */
export class StreamStatistics {
    framesPainted = 0;
    lastSequence = 0;
    bytesReceived = 0;
    codec = "";
    decoderFailures = 0;
    streamer: StreamerStatistics | null = null;
    private readonly samples: number[] = [];
    private next = 0;

    painted(sequence: number, decodeMicroseconds: number): void {
        this.framesPainted++;
        this.lastSequence = sequence;
        this.samples[this.next] = decodeMicroseconds / 1000;
        this.next = (this.next + 1) % SAMPLES;
    }

    /** Milliseconds from a message's arrival to its pixels, over the last 256 messages. */
    decodeMilliseconds(share: number): number {
        return percentile(this.samples, share);
    }
}
