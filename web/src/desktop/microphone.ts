import { Store } from "../app/store";
import { Capture, canCapture } from "../sound/capture";
import { MAX_VOICE_BYTES } from "../stream/limits";
import { encodeMicrophone, encodeVoice } from "../stream/wire";

/** off: nothing is captured. muted: captured, and nothing leaves the page. failed: it did not work, or has ended; trying again may help. */
export interface MicrophoneState {
    state: "off" | "starting" | "on" | "muted" | "failed" | "unsupported";
    detail: string;
}

/** The browser's microphone for the desktop: by a click alone, never remembered, and over with the control. */
export class DesktopMicrophone {
    readonly state = new Store<MicrophoneState>(
        canCapture()
            ? { state: "off", detail: "" }
            : { state: "unsupported", detail: "It needs https and an audio encoder." },
    );
    /** Packets so far. */
    sent = 0;
    private capture: Capture | null = null;
    /** Counts starts, so that a late answer to one that was given up is known. */
    private round = 0;
    /** What the streamer was told. */
    private told = false;

    constructor(private readonly send: (message: ArrayBuffer, fleeting: boolean) => boolean) {}

    toggle(): void {
        const { state } = this.state.get();
        if (state === "off" || state === "failed") {
            void this.start();
        } else if (state !== "unsupported") {
            this.stop();
        }
    }

    mute(muted: boolean): void {
        const { state } = this.state.get();
        if (this.capture !== null && (state === "on" || state === "muted")) {
            this.capture.muted = muted;
            this.state.patch({ state: muted ? "muted" : "on" });
            this.tell();
        }
    }

    /** A stream begins: its streamer was told nothing yet. */
    restart(): void {
        this.told = false;
        this.tell();
    }

    stop(): void {
        const { state } = this.state.get();
        if (state === "off" || state === "unsupported") {
            return;
        }
        this.round++;
        this.capture?.close();
        this.capture = null;
        this.state.set({ state: "off", detail: "" });
        this.tell();
    }

    private async start(): Promise<void> {
        const round = ++this.round;
        this.state.patch({ state: "starting", detail: "" });
        try {
            const capture = await Capture.open({
                packet: (packet) => this.pass(packet),
                ended: (detail) => this.failed(detail),
            });
            if (round !== this.round) {
                capture.close();
                return;
            }
            this.capture = capture;
            this.state.patch({ state: "on" });
            this.tell();
        } catch (error) {
            if (round === this.round) {
                this.failed(error instanceof Error ? error.message : String(error));
            }
        }
    }

    private failed(detail: string): void {
        this.capture = null;
        this.state.patch({ state: "failed", detail });
        this.tell();
    }

    private tell(): void {
        const wanted = this.state.get().state === "on";
        if (wanted !== this.told && this.send(encodeMicrophone(wanted), false)) {
            this.told = wanted;
        }
    }

    private pass(packet: Uint8Array): void {
        const { state } = this.state.get();
        // A full link does not make it late: what it does not take is lost.
        if (state === "on" && this.told && packet.length <= MAX_VOICE_BYTES && this.send(encodeVoice(packet), true)) {
            this.sent++;
        }
    }
}
