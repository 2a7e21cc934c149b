/** H.264 byte streams (ITU-T H.264, annex B and 7.3.2.1): as little of them as a container needs. */
import { MAX_DISPLAY_HEIGHT, MAX_DISPLAY_WIDTH } from "./limits";
import { type Size, WireError } from "./wire";

export const NAL_SPS = 7;
export const NAL_PPS = 8;
const MACROBLOCK = 16;
/** More in one access unit than any encoder of ours writes. */
const MAX_UNITS = 256;

export function nalType(unit: Uint8Array): number {
    return unit[0]! & 31;
}

/** The NAL units of an access unit, without start codes and trailing zeros. */
export function nalUnits(data: Uint8Array): Uint8Array[] {
    const units: Uint8Array[] = [];
    let start = -1;
    for (let i = 0; i + 2 < data.length; i++) {
        if (data[i] !== 0 || data[i + 1] !== 0 || data[i + 2] !== 1) {
            continue;
        }
        if (start >= 0) {
            addUnit(units, data.subarray(start, i));
        }
        start = i + 3;
        i += 2;
    }
    if (start < 0) {
        throw new WireError("an access unit without a start code");
    }
    addUnit(units, data.subarray(start));
    return units;
}

function addUnit(units: Uint8Array[], unit: Uint8Array): void {
    let end = unit.length;
    while (end > 0 && unit[end - 1] === 0) {
        end--;
    }
    if (end > 0) {
        units.push(unit.subarray(0, end));
    }
    if (units.length > MAX_UNITS) {
        throw new WireError("too many NAL units");
    }
}

/** Bits of a NAL unit, emulation prevention taken out. */
class Bits {
    private position = 0;
    private readonly bytes: number[] = [];

    constructor(unit: Uint8Array) {
        for (let i = 1; i < unit.length; i++) {
            const prevented = i > 2 && unit[i] === 3 && unit[i - 1] === 0 && unit[i - 2] === 0;
            if (!prevented) {
                this.bytes.push(unit[i]!);
            }
        }
    }

    take(count: number): number {
        let value = 0;
        for (let i = 0; i < count; i++, this.position++) {
            const byte = this.bytes[this.position >> 3];
            if (byte === undefined) {
                throw new WireError("a sequence parameter set that ends early");
            }
            value = value * 2 + ((byte >> (7 - (this.position & 7))) & 1);
        }
        return value;
    }

    /** Exponential Golomb code, unsigned (9.1). */
    golomb(): number {
        let zeros = 0;
        while (this.take(1) === 0) {
            if (++zeros > 31) {
                throw new WireError("a sequence parameter set that makes no sense");
            }
        }
        return 2 ** zeros - 1 + this.take(zeros);
    }
}

const PROFILES_WITH_CHROMA = new Set([100, 110, 122, 244]);

/** The picture's size from a sequence parameter set, cropping included. */
export function sizeOfSps(sps: Uint8Array): Size {
    const bits = new Bits(sps);
    const profile = bits.take(8);
    bits.take(16);
    bits.golomb();
    let chroma = 1;
    if (PROFILES_WITH_CHROMA.has(profile)) {
        chroma = bits.golomb();
        bits.golomb();
        bits.golomb();
        bits.take(1);
        if (bits.take(1) === 1) {
            throw new WireError("scaling matrices");
        }
    }
    bits.golomb();
    const order = bits.golomb();
    if (order === 0) {
        bits.golomb();
    } else if (order === 1) {
        throw new WireError("a picture order of type 1");
    }
    bits.golomb();
    bits.take(1);
    const columns = bits.golomb() + 1;
    const rows = bits.golomb() + 1;
    const frames = bits.take(1);
    if (frames !== 1) {
        throw new WireError("interlaced video");
    }
    bits.take(1);
    const crop = bits.take(1) === 1 ? [bits.golomb(), bits.golomb(), bits.golomb(), bits.golomb()] : [0, 0, 0, 0];
    const unit = chroma === 1 ? 2 : 1;
    const width = columns * MACROBLOCK - (crop[0]! + crop[1]!) * unit;
    const height = rows * MACROBLOCK - (crop[2]! + crop[3]!) * unit;
    const largest = (maximum: number) => Math.ceil(maximum / MACROBLOCK) * MACROBLOCK;
    if (!(width > 0 && width <= largest(MAX_DISPLAY_WIDTH) && height > 0 && height <= largest(MAX_DISPLAY_HEIGHT))) {
        throw new WireError(`video of ${width} x ${height}`);
    }
    return { width, height };
}
