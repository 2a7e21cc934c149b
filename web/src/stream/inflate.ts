/**
 * Decoder of raw deflate (RFC 1951) for one stream that lasts over many messages: each ends on a byte's boundary, with an empty stored block
 * whose last four bytes are left out, and may refer to the 32 KiB that came before it. The browser's own DecompressionStream answers only
 * asynchronously, which would cost each letter a turn of the event loop.
 */

export class InflateError extends Error {
    override name = "InflateError";
}

const WINDOW_BYTES = 32_768;
/** Readers of the result may look a few bytes too far before they notice. */
const SLACK_BYTES = 8;
const MAX_CODE_BITS = 15;
const FAST_BITS = 9;
const END_OF_BLOCK = 256;
const LITERAL_CODES = 286;
const DISTANCE_CODES = 30;

const LENGTH_BASES = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASES = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385,
    24577,
];
const DISTANCE_BITS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

function expect(condition: boolean, message: string): asserts condition {
    if (!condition) {
        throw new InflateError(message);
    }
}

/** A canonical Huffman code: short codes by table, longer ones bit by bit. */
class Huffman {
    readonly counts = new Uint16Array(MAX_CODE_BITS + 1);
    readonly symbols: Uint16Array;
    /** By the next FAST_BITS bits: symbol << 4 | bits, 0 where the code is longer. */
    readonly fast = new Uint16Array(1 << FAST_BITS);

    constructor(lengths: Uint8Array) {
        for (const length of lengths) {
            this.counts[length]!++;
        }
        this.counts[0] = 0;
        const offsets = new Uint16Array(MAX_CODE_BITS + 2);
        const codes = new Uint16Array(MAX_CODE_BITS + 2);
        let left = 1;
        for (let bits = 1; bits <= MAX_CODE_BITS; bits++) {
            left = left * 2 - this.counts[bits]!;
            expect(left >= 0, "a code has too many symbols");
            offsets[bits + 1] = offsets[bits]! + this.counts[bits]!;
            codes[bits + 1] = (codes[bits]! + this.counts[bits]!) << 1;
        }
        this.symbols = new Uint16Array(lengths.length);
        for (let symbol = 0; symbol < lengths.length; symbol++) {
            const bits = lengths[symbol]!;
            if (bits === 0) {
                continue;
            }
            this.symbols[offsets[bits]!++] = symbol;
            const code = codes[bits]!++;
            if (bits <= FAST_BITS) {
                this.fill(code, bits, symbol);
            }
        }
    }

    private fill(code: number, bits: number, symbol: number): void {
        let reversed = 0;
        for (let i = 0; i < bits; i++) {
            reversed |= ((code >> i) & 1) << (bits - 1 - i);
        }
        for (let at = reversed; at < this.fast.length; at += 1 << bits) {
            this.fast[at] = (symbol << 4) | bits;
        }
    }
}

function fixedLengths(): Uint8Array {
    return new Uint8Array(288).fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280).fill(8, 280);
}

const FIXED_LITERALS = new Huffman(fixedLengths());
const FIXED_DISTANCES = new Huffman(new Uint8Array(DISTANCE_CODES).fill(5));

class Bits {
    private held = 0;
    private count = 0;
    private offset = 0;

    constructor(private readonly data: Uint8Array) {}

    /** No whole byte is left. */
    get atEnd(): boolean {
        return this.offset === this.data.length && this.count < 8;
    }

    private fetch(): void {
        expect(this.offset < this.data.length, "data ends early");
        this.held |= this.data[this.offset++]! << this.count;
        this.count += 8;
    }

    take(count: number): number {
        while (this.count < count) {
            this.fetch();
        }
        const value = this.held & ((1 << count) - 1);
        this.held >>>= count;
        this.count -= count;
        return value;
    }

    symbol(code: Huffman): number {
        while (this.count < MAX_CODE_BITS && this.offset < this.data.length) {
            this.fetch();
        }
        const entry = code.fast[this.held & ((1 << FAST_BITS) - 1)]!;
        const bits = entry & 15;
        if (bits > 0 && bits <= this.count) {
            this.held >>>= bits;
            this.count -= bits;
            return entry >> 4;
        }
        return this.longSymbol(code);
    }

    private longSymbol(code: Huffman): number {
        let value = 0;
        let first = 0;
        let index = 0;
        for (let bits = 1; bits <= MAX_CODE_BITS; bits++) {
            value |= this.take(1);
            const count = code.counts[bits]!;
            if (value - first < count) {
                return code.symbols[index + value - first]!;
            }
            index += count;
            first = (first + count) << 1;
            value <<= 1;
        }
        throw new InflateError("no such code");
    }

    align(): void {
        this.take(this.count % 8);
    }
}

function readCodes(bits: Bits): [Huffman, Huffman] {
    const literals = bits.take(5) + 257;
    const distances = bits.take(5) + 1;
    const codeLengths = bits.take(4) + 4;
    expect(literals <= LITERAL_CODES && distances <= DISTANCE_CODES, "too many codes");
    const order = new Uint8Array(19);
    for (let i = 0; i < codeLengths; i++) {
        order[CODE_LENGTH_ORDER[i]!] = bits.take(3);
    }
    const lengthCode = new Huffman(order);
    const lengths = new Uint8Array(literals + distances);
    for (let at = 0; at < lengths.length;) {
        const symbol = bits.symbol(lengthCode);
        if (symbol < 16) {
            lengths[at++] = symbol;
            continue;
        }
        expect(symbol > 16 || at > 0, "nothing to repeat");
        const value = symbol === 16 ? lengths[at - 1]! : 0;
        const times = symbol === 16 ? 3 + bits.take(2) : symbol === 17 ? 3 + bits.take(3) : 11 + bits.take(7);
        expect(times <= lengths.length - at, "too many code lengths");
        lengths.fill(value, at, at + times);
        at += times;
    }
    return [new Huffman(lengths.subarray(0, literals)), new Huffman(lengths.subarray(literals))];
}

export class Inflater {
    private buffer = new Uint8Array(2 * WINDOW_BYTES + SLACK_BYTES);
    private at = 0;
    private limit = 0;

    /** The stream starts anew. */
    reset(): void {
        this.at = 0;
    }

    /**
     * The bytes of one message, at most `maximum` of them; a view that lasts until the next call. Throws InflateError on anything that is
     * not such a message; the stream can't be gone on with then.
     */
    inflate(data: Uint8Array, maximum: number): Uint8Array {
        this.makeRoom(maximum);
        const start = this.at;
        this.limit = start + maximum;
        const bits = new Bits(data);
        while (this.block(bits)) {
            // one block after the other
        }
        expect(bits.atEnd, "data goes on behind its end");
        return this.buffer.subarray(start, this.at);
    }

    private makeRoom(count: number): void {
        if (this.at + count + SLACK_BYTES <= this.buffer.length) {
            return;
        }
        const kept = Math.min(this.at, WINDOW_BYTES);
        const old = this.buffer;
        if (kept + count + SLACK_BYTES > old.length) {
            this.buffer = new Uint8Array(2 * kept + count + SLACK_BYTES);
        }
        this.buffer.set(old.subarray(this.at - kept, this.at));
        this.at = kept;
    }

    /** False when the block was the empty one that ends a message. */
    private block(bits: Bits): boolean {
        expect(bits.take(1) === 0, "the stream ends");
        switch (bits.take(2)) {
            case 0:
                bits.align();
                if (bits.atEnd) {
                    return false;
                }
                this.stored(bits);
                return true;
            case 1:
                this.compressed(bits, FIXED_LITERALS, FIXED_DISTANCES);
                return true;
            case 2:
                this.compressed(bits, ...readCodes(bits));
                return true;
            default:
                throw new InflateError("unknown kind of block");
        }
    }

    private stored(bits: Bits): void {
        const length = bits.take(16);
        expect((bits.take(16) ^ length) === 0xffff, "a stored block's length is wrong");
        expect(length <= this.limit - this.at, "too much data");
        for (let i = 0; i < length; i++) {
            this.buffer[this.at++] = bits.take(8);
        }
    }

    private compressed(bits: Bits, literals: Huffman, distances: Huffman): void {
        const buffer = this.buffer;
        const limit = this.limit;
        let at = this.at;
        for (let symbol = bits.symbol(literals); symbol !== END_OF_BLOCK; symbol = bits.symbol(literals)) {
            if (symbol < END_OF_BLOCK) {
                expect(at < limit, "too much data");
                buffer[at++] = symbol;
                continue;
            }
            const kind = symbol - END_OF_BLOCK - 1;
            expect(kind < LENGTH_BASES.length, "no such length");
            const length = LENGTH_BASES[kind]! + bits.take(LENGTH_BITS[kind]!);
            const distanceKind = bits.symbol(distances);
            expect(distanceKind < DISTANCE_CODES, "no such distance");
            const distance = DISTANCE_BASES[distanceKind]! + bits.take(DISTANCE_BITS[distanceKind]!);
            expect(distance <= at, "distance before the start");
            expect(length <= limit - at, "too much data");
            for (const end = at + length; at < end; at++) {
                buffer[at] = buffer[at - distance]!;
            }
        }
        this.at = at;
    }
}
