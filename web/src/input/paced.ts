import { Bucket } from "../stream/bucket";
import { inputNumber } from "../stream/wire";

/** Messages a second, and at once: well below what the server permits, which acknowledgements, voice and clipboard share. */
const RATE = 500;
const BURST = 1_000;
/** Of what presses or types. What ends that is no more than was pressed before, and always finds room. */
const MAX_WAITING = 20_000;
const PUMP_MS = 20;

type Send = (message: ArrayBuffer, fleeting: boolean) => boolean;

/** Input no faster than the server takes it: of a long text that comes at once the rest waits, and what is done after it behind it. */
export class PacedSend {
    private waiting: ArrayBuffer[] = [];
    private readonly bucket = new Bucket(RATE, BURST);
    private timer: ReturnType<typeof setTimeout> | undefined;

    /** `refused` is called for each press and each character that finds no room. */
    constructor(
        private readonly transmit: Send,
        private readonly refused: () => void,
    ) {}

    /** A new connection, or none any more: what waits was for the last one. */
    restart(): void {
        clearTimeout(this.timer);
        this.timer = undefined;
        this.waiting = [];
    }

    send(message: ArrayBuffer, fleeting: boolean): boolean {
        if (this.waiting.length === 0 && this.bucket.take(1)) {
            return this.transmit(message, fleeting);
        }
        if (fleeting) {
            return false;
        }
        if (this.waiting.length >= MAX_WAITING && inputNumber(message) !== null) {
            this.refused();
            return false;
        }
        this.waiting.push(message);
        this.timer ??= setTimeout(() => this.pump(), PUMP_MS);
        return true;
    }

    private pump(): void {
        let sent = 0;
        let open = true;
        while (open && sent < this.waiting.length && this.bucket.take(1)) {
            open = this.transmit(this.waiting[sent++]!, false);
        }
        this.waiting = open ? this.waiting.slice(sent) : [];
        this.timer = this.waiting.length === 0 ? undefined : setTimeout(() => this.pump(), PUMP_MS);
    }
}
