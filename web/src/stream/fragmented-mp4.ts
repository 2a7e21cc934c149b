/** Fragmented MP4 (ISO/IEC 14496-12 and -15) of one H.264 track: an initialization segment, then one fragment per frame. */
import { NAL_PPS, NAL_SPS, nalType, sizeOfSps } from "./annexb";
import { WireError } from "./wire";

export const TIMESCALE = 1000;
const IDENTITY = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000];
const TRACK = 1;
const SAMPLE_KEY = 0x02000000;
const SAMPLE_DELTA = 0x01010000;

type Part = number | readonly number[] | Uint8Array;

const u16 = (value: number): number[] => [(value >> 8) & 255, value & 255];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value)];
const zeros = (count: number): number[] => new Array<number>(count).fill(0);
const words = (...values: number[]): number[] => values.flatMap(u32);

function bytes(parts: readonly Part[]): Uint8Array<ArrayBuffer> {
    const lengths = parts.map((part) => (typeof part === "number" ? 1 : part.length));
    const whole = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    let at = 0;
    parts.forEach((part, i) => {
        whole.set(typeof part === "number" ? [part] : part, at);
        at += lengths[i]!;
    });
    return whole;
}

function box(name: string, ...parts: Part[]): Uint8Array<ArrayBuffer> {
    const content = bytes(parts);
    return bytes([u32(content.length + 8), [...name].map((letter) => letter.charCodeAt(0)), content]);
}

/** A box with version and flags. */
function fullBox(name: string, version: number, flags: number, ...parts: Part[]): Uint8Array<ArrayBuffer> {
    return box(name, version, [flags >> 16, (flags >> 8) & 255, flags & 255], ...parts);
}

function sampleEntry(sps: Uint8Array, pps: Uint8Array, width: number, height: number): Uint8Array {
    const configuration = box("avcC", 1, sps[1]!, sps[2]!, sps[3]!, 0xff, 0xe1, u16(sps.length), sps, 1, u16(pps.length), pps);
    return box(
        "avc1",
        zeros(6), u16(1), zeros(16), u16(width), u16(height),
        words(0x480000, 0x480000, 0), u16(1), zeros(32), u16(24), u16(0xffff),
        configuration,
    );
}

/** For the frames that follow, from their key frame's NAL units. */
export function initialization(units: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
    const sps = units.find((unit) => nalType(unit) === NAL_SPS);
    const pps = units.find((unit) => nalType(unit) === NAL_PPS);
    if (sps === undefined || sps.length < 4 || pps === undefined) {
        throw new WireError("a key frame without parameter sets");
    }
    const { width, height } = sizeOfSps(sps);
    const table = box(
        "stbl",
        fullBox("stsd", 0, 0, words(1), sampleEntry(sps, pps, width, height)),
        ...["stts", "stsc", "stco"].map((name) => fullBox(name, 0, 0, words(0))),
        fullBox("stsz", 0, 0, words(0, 0)),
    );
    const media = box(
        "mdia",
        fullBox("mdhd", 0, 0, words(0, 0, TIMESCALE, 0), u16(0x55c4), u16(0)),
        fullBox("hdlr", 0, 0, words(0), [0x76, 0x69, 0x64, 0x65], zeros(12), 0), // "vide"
        box(
            "minf",
            fullBox("vmhd", 0, 1, zeros(8)),
            box("dinf", fullBox("dref", 0, 0, words(1), fullBox("url ", 0, 1))),
            table,
        ),
    );
    const track = box(
        "trak",
        fullBox("tkhd", 0, 3, words(0, 0, TRACK, 0, 0, 0, 0), zeros(8), words(...IDENTITY), u32(width * 0x10000), u32(height * 0x10000)),
        media,
    );
    const movie = box(
        "moov",
        fullBox("mvhd", 0, 0, words(0, 0, TIMESCALE, 0, 0x10000), u16(0x100), zeros(10), words(...IDENTITY), zeros(24), words(TRACK + 1)),
        track,
        box("mvex", fullBox("trex", 0, 0, words(TRACK, 1, 0, 0, 0))),
    );
    const brands = ["iso6", "avc1"].flatMap((brand) => [...brand].map((letter) => letter.charCodeAt(0)));
    return bytes([box("ftyp", brands.slice(0, 4), words(0), brands), movie]);
}

/** One frame, shown from `time` for `duration` (both in 1/TIMESCALE s). */
export function fragment(
    units: readonly Uint8Array[],
    key: boolean,
    number: number,
    time: number,
    duration: number,
): Uint8Array<ArrayBuffer> {
    const pictures = units.filter((unit) => nalType(unit) !== NAL_SPS && nalType(unit) !== NAL_PPS);
    const data = box("mdat", ...pictures.flatMap((unit) => [u32(unit.length), unit]));
    const movie = (offset: number) =>
        box(
            "moof",
            fullBox("mfhd", 0, 0, words(number)),
            box(
                "traf",
                fullBox("tfhd", 0, 0x020000, words(TRACK)), // offsets from the moof
                fullBox("tfdt", 1, 0, words(Math.floor(time / 2 ** 32), time >>> 0)),
                fullBox("trun", 0, 0x000701, words(1, offset, duration, data.length - 8, key ? SAMPLE_KEY : SAMPLE_DELTA)),
            ),
        );
    return bytes([movie(movie(0).length + 8), data]);
}
