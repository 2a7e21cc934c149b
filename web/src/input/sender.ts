import {
    encodeButton,
    encodeKey,
    encodeLayout,
    encodeLocks,
    encodePointer,
    encodeRelative,
    encodeReleaseAll,
    encodeSymbol,
    encodeText,
    encodeWheel,
} from "../stream/wire";

export interface Point {
    x: number;
    y: number;
}

/** A button or wheel there, whatever the position: the pointer is locked. */
export const HERE: Point = { x: 0xffff, y: 0xffff };
/** Characters of one text: typing takes 20 s for so many. */
const MAX_TEXT = 10_000;
const MODIFIERS: ReadonlySet<number> = new Set([29, 42, 54, 56, 84, 97, 100, 125, 126]);
const OF_SHORTCUTS: ReadonlySet<number> = new Set([29, 56, 97, 100, 125, 126]);

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
    /** After each key or character that is no modifier. */
    onTyped: () => void = () => undefined;
    /** After everything was released. */
    onReleased: () => void = () => undefined;
    /** So many characters of a text were left out: it was too long. */
    onCut: (characters: number) => void = () => undefined;
    /** Whether a modifier is held by the on-screen bar. */
    isSticky: (code: number) => boolean = () => false;

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
        this.onReleased();
    }

    /** Control, Alt or Super of the on-screen bar: characters are shortcuts. */
    meansShortcut(): boolean {
        return [...OF_SHORTCUTS].some((code) => this.isSticky(code));
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
        if (!down && !MODIFIERS.has(code)) {
            this.onTyped();
        }
    }

    /** What the user's keyboard shows for a key; `code` 0 when no key stands for it. Repeats are sent as well. */
    symbol(code: number, character: number, shortcut: boolean): void {
        if (this.transmit(encodeSymbol(this.next(), code, shortcut, character), false) && code !== 0) {
            this.keys.add(code);
        }
        if (code === 0) {
            this.onTyped();
        }
    }

    /** True when it was sent. */
    locks(caps: boolean, num: boolean): boolean {
        return this.transmit(encodeLocks(this.next(), caps, num), false);
    }

    layout(name: string, variant: string): void {
        this.transmit(encodeLayout(this.next(), name, variant), false);
    }

    isPressed(button: number): boolean {
        return this.buttons.has(button);
    }

    isDown(code: number): boolean {
        return this.keys.has(code);
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
        const characters = [...text];
        const shortcut = this.meansShortcut();
        if (characters.length > MAX_TEXT) {
            this.onCut(characters.length - MAX_TEXT);
        }
        for (const character of characters.slice(0, MAX_TEXT)) {
            const codePoint = character.codePointAt(0)!;
            const key = KEY_OF_CONTROL[character];
            if (key !== undefined) {
                this.chord([key]);
            } else if (isText(codePoint) && shortcut) {
                this.symbol(0, codePoint, true);
            } else if (isText(codePoint)) {
                this.transmit(encodeText(this.next(), codePoint), false);
                this.onTyped();
            }
        }
    }

    /** True when it was sent. */
    pointer(point: Point): boolean {
        return this.transmit(encodePointer(this.next(), point.x, point.y), true);
    }

    /** True when it was sent. */
    relative(x: number, y: number): boolean {
        return this.transmit(encodeRelative(this.next(), x, y), true);
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

    /** True when it was sent. */
    wheel(point: Point, horizontal: number, vertical: number): boolean {
        return this.transmit(encodeWheel(this.next(), point.x, point.y, horizontal, vertical), true);
    }

    /** The page lost the keyboard or was hidden. Silent when nothing is held. */
    releaseAll(): void {
        if (this.keys.size + this.buttons.size > 0 && this.transmit(encodeReleaseAll(this.next()), false)) {
            this.keys.clear();
            this.buttons.clear();
            this.onReleased();
        }
    }

    private next(): number {
        this.input = (this.input + 1) >>> 0;
        return this.input;
    }
}
