import {
    encodeButton,
    encodeKey,
    encodePointer,
    encodeReleaseAll,
    encodeText,
    encodeWheel,
} from "../stream/wire";

export interface Point {
    x: number;
    y: number;
}

const KEY_OF_CONTROL: Readonly<Record<string, number>> = { "\n": 28, "\t": 15 };

/** A Unicode scalar value that is no control character. */
function isText(codePoint: number): boolean {
    const control = codePoint < 0x20 || (codePoint >= 0x7f && codePoint < 0xa0);
    const surrogate = codePoint >= 0xd800 && codePoint < 0xe000;
    return !control && !surrogate;
}

/** Gives each input message its number, and knows what is held down on the other side. */
export class InputSender {
    private input = 0;
    private readonly keys = new Set<number>();
    private readonly buttons = new Set<number>();

    /**
     * `transmit` returns false when the message could not be sent; it is then lost. A `fleeting` message may be
     * dropped where the link is slow.
     */
    constructor(private readonly transmit: (message: ArrayBuffer, fleeting: boolean) => boolean) {}

    /** A new connection: its streamer counts from 1 and holds nothing. */
    restart(): void {
        this.input = 0;
        this.keys.clear();
        this.buttons.clear();
    }

    key(code: number, down: boolean): void {
        if (down === this.keys.has(code)) {
            return;
        }
        if (this.transmit(encodeKey(this.next(), code, down), false)) {
            if (down) {
                this.keys.add(code);
            } else {
                this.keys.delete(code);
            }
        }
    }

    isPressed(button: number): boolean {
        return this.buttons.has(button);
    }

    heldKeys(): number[] {
        return [...this.keys];
    }

    /** Presses the keys in order and releases them in reverse. */
    chord(codes: readonly number[]): void {
        for (const code of codes) {
            this.key(code, true);
        }
        for (const code of [...codes].reverse()) {
            this.key(code, false);
        }
    }

    /** Line ends and tabs are keys; what else the protocol has no text message for is left out. */
    text(text: string): void {
        for (const character of text) {
            const codePoint = character.codePointAt(0)!;
            const key = KEY_OF_CONTROL[character];
            if (key !== undefined) {
                this.chord([key]);
            } else if (isText(codePoint)) {
                this.transmit(encodeText(this.next(), codePoint), false);
            }
        }
    }

    /** True when it was sent. */
    pointer(point: Point): boolean {
        return this.transmit(encodePointer(this.next(), point.x, point.y), true);
    }

    button(point: Point, button: number, down: boolean): void {
        if (down === this.buttons.has(button)) {
            return;
        }
        if (this.transmit(encodeButton(this.next(), point.x, point.y, button, down), false)) {
            if (down) {
                this.buttons.add(button);
            } else {
                this.buttons.delete(button);
            }
        }
    }

    wheel(point: Point, horizontal: number, vertical: number): void {
        this.transmit(encodeWheel(this.next(), point.x, point.y, horizontal, vertical), true);
    }

    /** The page lost the keyboard or was hidden. Silent when nothing is held. */
    releaseAll(): void {
        if (this.keys.size + this.buttons.size > 0 && this.transmit(encodeReleaseAll(this.next()), false)) {
            this.keys.clear();
            this.buttons.clear();
        }
    }

    private next(): number {
        this.input = (this.input + 1) >>> 0;
        return this.input;
    }
}
