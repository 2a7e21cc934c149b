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

/** Gives each input message its number, and knows what is held down on the other side. */
export class InputSender {
    private input = 0;
    private readonly keys = new Set<number>();
    private readonly buttons = new Set<number>();

    /** `transmit` returns false when the message could not be sent; it is then lost. */
    constructor(private readonly transmit: (message: ArrayBuffer) => boolean) {}

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
        if (this.transmit(encodeKey(this.next(), code, down))) {
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

    text(text: string): void {
        for (const character of text) {
            this.transmit(encodeText(this.next(), character.codePointAt(0)!));
        }
    }

    pointer(point: Point): void {
        this.transmit(encodePointer(this.next(), point.x, point.y));
    }

    button(point: Point, button: number, down: boolean): void {
        if (down === this.buttons.has(button)) {
            return;
        }
        if (this.transmit(encodeButton(this.next(), point.x, point.y, button, down))) {
            if (down) {
                this.buttons.add(button);
            } else {
                this.buttons.delete(button);
            }
        }
    }

    wheel(point: Point, horizontal: number, vertical: number): void {
        this.transmit(encodeWheel(this.next(), point.x, point.y, horizontal, vertical));
    }

    /** The page lost the keyboard or was hidden. Silent when nothing is held. */
    releaseAll(): void {
        if (this.keys.size + this.buttons.size > 0 && this.transmit(encodeReleaseAll(this.next()))) {
            this.keys.clear();
            this.buttons.clear();
        }
    }

    private next(): number {
        this.input = (this.input + 1) >>> 0;
        return this.input;
    }
}
