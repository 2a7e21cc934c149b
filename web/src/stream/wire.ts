/**
 * The browser's codec of docs/PROTOCOL.md. Every byte of a message is hostile: nothing is read before its
 * bounds are checked, and a message that does not fit its kind exactly is refused as a whole.
 */
import {
    MAX_AUDIO_BYTES,
    MAX_CLIPBOARD_BYTES,
    MAX_CODEC_LENGTH,
    MAX_CURSOR_SIZE,
    MAX_DISPLAY_HEIGHT,
    MAX_DISPLAY_WIDTH,
    MAX_FRAMERATE,
    MAX_LOSSLESS_PIXELS,
    MAX_MESSAGE_BYTES,
    MAX_RECTANGLES,
    PROTOCOL_VERSION,
} from "./limits";

export interface Size {
    width: number;
    height: number;
}

export interface Rectangle extends Size {
    x: number;
    y: number;
}

export interface CopyRectangle {
    sourceX: number;
    sourceY: number;
    target: Rectangle;
}

export interface FrameHeader {
    /** Its update goes on: the last message is acknowledged for all of them. */
    more: boolean;
    sequence: number;
    input: number;
    captured: bigint;
    waited: number;
    converted: number;
    encoded: number;
}

export type LosslessEncoding = "qoi" | "bgrx" | "deflated";

export interface Point {
    x: number;
    y: number;
}

export interface LosslessRectangle {
    rectangle: Rectangle;
    encoding: LosslessEncoding;
    /** Of "deflated": pixels come by columns within bands of so many rows; 0: by rows. */
    band: number;
    data: Uint8Array;
}

export type StreamMessage =
    | { kind: "hello"; size: Size; framerate: number; codec: string }
    | { kind: "video"; header: FrameHeader; key: boolean; origin: Point; rectangles: Rectangle[]; data: Uint8Array }
    | ({ kind: "lossless"; header: FrameHeader } & LosslessRectangle)
    | { kind: "copy"; header: FrameHeader; copies: CopyRectangle[] }
    | { kind: "cursor"; size: Size; hotX: number; hotY: number; pixels: Uint8Array }
    | { kind: "clipboard"; message: ClipboardMessage }
    | { kind: "audio"; captured: bigint; data: Uint8Array }
    | { kind: "display"; size: Size; codec: string }
    | { kind: "pointer"; place: Point }
    | { kind: "statistics"; statistics: StreamerStatistics };

export type ClipboardType = "text" | "png";

export type ClipboardMessage =
    | { step: "policy"; toSandbox: number; toBrowser: number }
    | { step: "begin"; transfer: number; type: ClipboardType; total: number }
    | { step: "data"; transfer: number; offset: number; data: Uint8Array }
    | { step: "taken"; transfer: number; bytes: number }
    | { step: "refused"; transfer: number };

export interface StreamerStatistics {
    captured: number;
    encoded: number;
    skipped: number;
    sentKib: number;
    encodeP50: number;
    encodeP95: number;
    quantizer: number;
    /** What the stream may use, kbit/s. */
    rate: number;
    /** The shortest round trip of late, µs. */
    roundTrip: number;
    /** What the last update waited on the way, µs. */
    queue: number;
    /** Between two updates, µs. */
    interval: number;
}

/** The message breaks the protocol; the connection that carried it can't be trusted further. */
export class WireError extends Error {
    override name = "WireError";
}

class Reader {
    private readonly view: DataView;
    private offset = 0;

    constructor(private readonly buffer: ArrayBuffer) {
        this.view = new DataView(buffer);
    }

    private take(count: number): number {
        const start = this.offset;
        if (count > this.view.byteLength - start) {
            throw new WireError(`message ends at byte ${this.view.byteLength}, expected ${start + count}`);
        }
        this.offset = start + count;
        return start;
    }

    u8(): number {
        return this.view.getUint8(this.take(1));
    }

    u16(): number {
        return this.view.getUint16(this.take(2), true);
    }

    u32(): number {
        return this.view.getUint32(this.take(4), true);
    }

    u64(): bigint {
        return this.view.getBigUint64(this.take(8), true);
    }

    bytes(count: number): Uint8Array {
        return new Uint8Array(this.buffer, this.take(count), count);
    }

    rest(): Uint8Array {
        return this.bytes(this.view.byteLength - this.offset);
    }

    zero(count: number): void {
        for (let i = 0; i < count; i++) {
            expect(this.u8() === 0, "a reserved byte is not 0");
        }
    }

    end(): void {
        expect(this.offset === this.view.byteLength, "message is longer than its kind");
    }
}

function expect(condition: boolean, message: string): asserts condition {
    if (!condition) {
        throw new WireError(message);
    }
}

function readDisplaySize(reader: Reader): Size {
    const width = reader.u16();
    const height = reader.u16();
    expect(width > 0 && width <= MAX_DISPLAY_WIDTH, `display width ${width}`);
    expect(height > 0 && height <= MAX_DISPLAY_HEIGHT, `display height ${height}`);
    return { width, height };
}

function readRectangle(reader: Reader, display: Size): Rectangle {
    const x = reader.u16();
    const y = reader.u16();
    const width = reader.u16();
    const height = reader.u16();
    expect(width > 0 && height > 0, "empty rectangle");
    expect(x + width <= display.width && y + height <= display.height, "rectangle outside the display");
    return { x, y, width, height };
}

function readCount(reader: Reader): number {
    const count = reader.u16();
    expect(count > 0 && count <= MAX_RECTANGLES, `${count} rectangles`);
    return count;
}

function readFrameHeader(reader: Reader, flags: number): FrameHeader {
    return {
        more: (flags & MORE) !== 0,
        sequence: reader.u32(),
        input: reader.u32(),
        captured: reader.u64(),
        waited: reader.u32(),
        converted: reader.u32(),
        encoded: reader.u32(),
    };
}

function readCodec(reader: Reader): string {
    const length = reader.u8();
    expect(length > 0 && length <= MAX_CODEC_LENGTH, `codec string of ${length} bytes`);
    const codec = String.fromCharCode(...reader.bytes(length));
    expect(/^[A-Za-z0-9][A-Za-z0-9.]*$/.test(codec), "codec string has characters of no codec");
    return codec;
}

function readHello(reader: Reader): StreamMessage {
    const version = reader.u16();
    expect(version === PROTOCOL_VERSION, `protocol version ${version}`);
    const size = readDisplaySize(reader);
    const framerate = reader.u16();
    expect(framerate > 0 && framerate <= MAX_FRAMERATE, `frame rate ${framerate}`);
    const codec = readCodec(reader);
    reader.end();
    return { kind: "hello", size, framerate, codec };
}

function readVideo(reader: Reader, display: Size, flags: number): StreamMessage {
    const header = readFrameHeader(reader, flags);
    const origin = { x: reader.u16(), y: reader.u16() };
    const count = readCount(reader);
    const rectangles: Rectangle[] = [];
    for (let i = 0; i < count; i++) {
        const rectangle = readRectangle(reader, display);
        expect(rectangle.x >= origin.x && rectangle.y >= origin.y, "rectangle outside the video's picture");
        rectangles.push(rectangle);
    }
    const data = reader.rest();
    expect(data.length > 0, "empty access unit");
    return { kind: "video", header, key: (flags & KEY_FRAME) !== 0, origin, rectangles, data };
}

const ENCODINGS: Record<number, LosslessEncoding> = { 1: "qoi", 2: "bgrx", 3: "deflated" };

function readLossless(reader: Reader, display: Size, flags: number): StreamMessage {
    const header = readFrameHeader(reader, flags);
    const rectangle = readRectangle(reader, display);
    expect(rectangle.width * rectangle.height <= MAX_LOSSLESS_PIXELS, "lossless rectangle is too large");
    const encoding = ENCODINGS[reader.u8()];
    expect(encoding !== undefined, "unknown lossless encoding");
    const band = reader.u8();
    expect(band === 0 || encoding === "deflated", "only deflated pixels come in bands");
    reader.zero(2);
    const data = reader.rest();
    if (encoding === "bgrx") {
        expect(data.length === rectangle.width * rectangle.height * 4, "raw pixels do not fill their rectangle");
    }
    return { kind: "lossless", header, rectangle, encoding, band, data };
}

function readCopy(reader: Reader, display: Size, flags: number): StreamMessage {
    const header = readFrameHeader(reader, flags);
    const count = readCount(reader);
    const copies: CopyRectangle[] = [];
    for (let i = 0; i < count; i++) {
        const sourceX = reader.u16();
        const sourceY = reader.u16();
        const target = readRectangle(reader, display);
        expect(
            sourceX + target.width <= display.width && sourceY + target.height <= display.height,
            "copy from outside the display",
        );
        copies.push({ sourceX, sourceY, target });
    }
    reader.end();
    return { kind: "copy", header, copies };
}

function readCursor(reader: Reader): StreamMessage {
    const width = reader.u16();
    const height = reader.u16();
    const hotX = reader.u16();
    const hotY = reader.u16();
    expect(width <= MAX_CURSOR_SIZE && height <= MAX_CURSOR_SIZE, `cursor of ${width} x ${height}`);
    expect((width === 0) === (height === 0), "cursor with one side of 0");
    expect(hotX <= width && hotY <= height, "cursor's hot spot outside of it");
    const pixels = reader.bytes(width * height * 4);
    reader.end();
    return { kind: "cursor", size: { width, height }, hotX, hotY, pixels };
}

function readClipboardBody(reader: Reader): ClipboardMessage {
    const step = reader.u8();
    const type = reader.u8();
    reader.zero(2);
    const transfer = reader.u32();
    const value = reader.u32();
    const second = reader.u32();
    expect(step === 2 ? type === 1 || type === 2 : type === 0, `clipboard type ${type}`);
    expect(step === 1 || second === 0, "a second value");
    switch (step) {
        case 1:
            return { step: "policy", toSandbox: value, toBrowser: second };
        case 2:
            return { step: "begin", transfer, type: type === 1 ? "text" : "png", total: value };
        case 3: {
            const data = reader.rest();
            expect(data.length > 0, "a piece of nothing");
            return { step: "data", transfer, offset: value, data };
        }
        case 4:
            return { step: "taken", transfer, bytes: value };
        case 5:
            return { step: "refused", transfer };
        default:
            throw new WireError(`clipboard step ${step}`);
    }
}

function readClipboard(reader: Reader, length: number): StreamMessage {
    expect(length <= MAX_CLIPBOARD_BYTES, `clipboard message of ${length} bytes`);
    const message = readClipboardBody(reader);
    reader.end();
    return { kind: "clipboard", message };
}

function readAudio(reader: Reader): StreamMessage {
    const captured = reader.u64();
    const data = reader.rest();
    expect(data.length > 0 && data.length <= MAX_AUDIO_BYTES, `audio packet of ${data.length} bytes`);
    return { kind: "audio", captured, data };
}

function readStatistics(reader: Reader): StreamMessage {
    const statistics = {
        captured: reader.u32(),
        encoded: reader.u32(),
        skipped: reader.u32(),
        sentKib: reader.u32(),
        encodeP50: reader.u32(),
        encodeP95: reader.u32(),
        quantizer: reader.u32(),
        rate: reader.u32(),
        roundTrip: reader.u32(),
        queue: reader.u32(),
        interval: reader.u32(),
    };
    reader.end();
    return { kind: "statistics", statistics };
}

function readDisplay(reader: Reader): StreamMessage {
    const size = readDisplaySize(reader);
    const codec = readCodec(reader);
    reader.end();
    return { kind: "display", size, codec };
}

function readPointer(reader: Reader, display: Size): StreamMessage {
    const place = { x: reader.u16(), y: reader.u16() };
    expect(place.x < display.width && place.y < display.height, "pointer outside the display");
    reader.end();
    return { kind: "pointer", place };
}

const HELLO = 0x01;
const KEY_FRAME = 0x01;
const MORE = 0x02;
/** By kind; the others have none. */
const FLAGS: Record<number, number> = { 0x02: KEY_FRAME | MORE, 0x03: MORE, 0x04: MORE };

const READERS: Record<number, (reader: Reader, display: Size, flags: number, length: number) => StreamMessage> = {
    [HELLO]: (reader) => readHello(reader),
    0x02: readVideo,
    0x03: readLossless,
    0x04: readCopy,
    0x05: (reader) => readCursor(reader),
    0x06: (reader, _display, _flags, length) => readClipboard(reader, length),
    0x07: (reader) => readAudio(reader),
    0x08: (reader) => readDisplay(reader),
    0x09: (reader) => readStatistics(reader),
    0x0a: readPointer,
};

/**
 * Decodes one message. `display` is the size in force, null before the first hello. The result's byte arrays
 * are views of `buffer`. Throws WireError, and nothing else, on any input.
 */
export function decodeMessage(buffer: ArrayBuffer, display: Size | null): StreamMessage {
    expect(buffer.byteLength <= MAX_MESSAGE_BYTES, `message of ${buffer.byteLength} bytes`);
    const reader = new Reader(buffer);
    const kind = reader.u8();
    const flags = reader.u8();
    reader.zero(2);
    const read = READERS[kind];
    expect(read !== undefined, `unknown message kind ${kind}`);
    expect((flags & ~(FLAGS[kind] ?? 0)) === 0, `unknown flags ${flags}`);
    if (display === null) {
        expect(kind === HELLO, `message kind ${kind} before hello`);
        return readHello(reader);
    }
    return read(reader, display, flags, buffer.byteLength);
}

function message(kind: number, length: number): DataView {
    const view = new DataView(new ArrayBuffer(length));
    view.setUint8(0, kind);
    return view;
}

function inputMessage(kind: number, length: number, input: number): DataView {
    const view = message(kind, length);
    view.setUint32(4, input, true);
    return view;
}

function pointMessage(kind: number, length: number, input: number, x: number, y: number): DataView {
    const view = inputMessage(kind, length, input);
    view.setUint16(8, x, true);
    view.setUint16(10, y, true);
    return view;
}

/** What this client knows besides the first version of the protocol: updates of several messages, the pointer's place. */
const KNOWS = 0x03;

/** Answers hello. */
export function encodeGreeting(): ArrayBuffer {
    return encodeAcknowledge(0, 0, KNOWS);
}

/** `decode`: microseconds from arrival to painted. */
export function encodeAcknowledge(sequence: number, decode: number, queued: number): ArrayBuffer {
    const view = message(0x81, 16);
    view.setUint32(4, sequence, true);
    view.setUint32(8, Math.min(Math.max(Math.round(decode), 0), 0xffffffff), true);
    view.setUint32(12, queued, true);
    return view.buffer as ArrayBuffer;
}

export function encodeKey(input: number, code: number, down: boolean): ArrayBuffer {
    const view = inputMessage(0x82, 12, input);
    view.setUint16(8, code, true);
    view.setUint8(10, down ? 1 : 0);
    return view.buffer as ArrayBuffer;
}

export function encodeText(input: number, codePoint: number): ArrayBuffer {
    const view = inputMessage(0x83, 12, input);
    view.setUint32(8, codePoint, true);
    return view.buffer as ArrayBuffer;
}

export function encodePointer(input: number, x: number, y: number): ArrayBuffer {
    return pointMessage(0x84, 12, input, x, y).buffer as ArrayBuffer;
}

export function encodeButton(input: number, x: number, y: number, button: number, down: boolean): ArrayBuffer {
    const view = pointMessage(0x85, 16, input, x, y);
    view.setUint8(12, button);
    view.setUint8(13, down ? 1 : 0);
    return view.buffer as ArrayBuffer;
}

export function encodeWheel(input: number, x: number, y: number, horizontal: number, vertical: number): ArrayBuffer {
    const view = pointMessage(0x86, 16, input, x, y);
    view.setInt16(12, horizontal, true);
    view.setInt16(14, vertical, true);
    return view.buffer as ArrayBuffer;
}

export function encodeReleaseAll(input: number): ArrayBuffer {
    return inputMessage(0x87, 8, input).buffer as ArrayBuffer;
}

export function encodeAudio(on: boolean): ArrayBuffer {
    const view = message(0x8b, 8);
    view.setUint8(4, on ? 1 : 0);
    return view.buffer as ArrayBuffer;
}

export function encodeMicrophone(on: boolean): ArrayBuffer {
    const view = message(0x8c, 8);
    view.setUint8(4, on ? 1 : 0);
    return view.buffer as ArrayBuffer;
}

/** One Opus packet of 20 ms, of 1 to MAX_VOICE_BYTES. */
export function encodeVoice(packet: Uint8Array): ArrayBuffer {
    const { buffer } = message(0x8d, 4 + packet.length);
    new Uint8Array(buffer).set(packet, 4);
    return buffer as ArrayBuffer;
}

/** `scale`: what the viewer's screen makes of a CSS pixel, in percent. */
export function encodeResize(size: Size, scale: number): ArrayBuffer {
    const view = message(0x88, 12);
    view.setUint16(4, size.width, true);
    view.setUint16(6, size.height, true);
    view.setUint16(8, scale, true);
    return view.buffer as ArrayBuffer;
}

export function encodeClipboard(clipboard: Exclude<ClipboardMessage, { step: "policy" }>): ArrayBuffer {
    const data = clipboard.step === "data" ? clipboard.data : new Uint8Array();
    const view = message(0x89, 20 + data.length);
    view.setUint8(4, { begin: 2, data: 3, taken: 4, refused: 5 }[clipboard.step]);
    view.setUint32(8, clipboard.transfer, true);
    switch (clipboard.step) {
        case "begin":
            view.setUint8(5, clipboard.type === "text" ? 1 : 2);
            view.setUint32(12, clipboard.total, true);
            break;
        case "data":
            view.setUint32(12, clipboard.offset, true);
            new Uint8Array(view.buffer).set(data, 20);
            break;
        case "taken":
            view.setUint32(12, clipboard.bytes, true);
            break;
        case "refused":
            break;
    }
    return view.buffer as ArrayBuffer;
}

export function encodeRefresh(): ArrayBuffer {
    return message(0x8a, 4).buffer as ArrayBuffer;
}

/** `code` 0: pressed and released at once. */
export function encodeSymbol(input: number, code: number, shortcut: boolean, character: number): ArrayBuffer {
    const view = inputMessage(0x90, 16, input);
    view.setUint16(8, code, true);
    view.setUint8(10, shortcut ? 1 : 0);
    view.setUint32(12, character, true);
    return view.buffer as ArrayBuffer;
}

export function encodeRelative(input: number, x: number, y: number): ArrayBuffer {
    const view = inputMessage(0x91, 12, input);
    view.setInt16(8, x, true);
    view.setInt16(10, y, true);
    return view.buffer as ArrayBuffer;
}

export function encodeLocks(input: number, caps: boolean, num: boolean): ArrayBuffer {
    const view = inputMessage(0x92, 12, input);
    view.setUint8(8, caps ? 1 : 0);
    view.setUint8(9, num ? 1 : 0);
    return view.buffer as ArrayBuffer;
}

const LAYOUT_NAME = 16;
const VARIANT_NAME = 32;

/** Both names are ASCII and shorter than their fields. */
export function encodeLayout(input: number, name: string, variant: string): ArrayBuffer {
    const view = inputMessage(0x93, 8 + LAYOUT_NAME + VARIANT_NAME, input);
    const put = (text: string, offset: number, size: number) => {
        for (let i = 0; i < Math.min(text.length, size - 1); i++) {
            view.setUint8(offset + i, text.charCodeAt(i));
        }
    };
    put(name, 8, LAYOUT_NAME);
    put(variant, 8 + LAYOUT_NAME, VARIANT_NAME);
    return view.buffer as ArrayBuffer;
}

/** Acknowledge, refresh, audio: what a viewer that may only watch may send (docs/PROTOCOL.md). */
export function mayWatcherSend(message: ArrayBuffer): boolean {
    return [0x81, 0x8a, 0x8b].includes(new DataView(message).getUint8(0));
}

/** The input number of a message that pixels answer: a key or button that goes down, a text, the wheel. null of any other. */
export function inputNumber(message: ArrayBuffer): number | null {
    const view = new DataView(message);
    switch (view.getUint8(0)) {
        case 0x82:
            return view.getUint8(10) === 1 ? view.getUint32(4, true) : null;
        case 0x85:
            return view.getUint8(13) === 1 ? view.getUint32(4, true) : null;
        case 0x83:
        case 0x86:
        case 0x90:
            return view.getUint32(4, true);
        default:
            return null;
    }
}
