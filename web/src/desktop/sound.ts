import { Store } from "../app/store";
import { Lips } from "../sound/lips";
import { canPlay, SoundPlayer } from "../sound/player";
import type { WorkletReport } from "../sound/worklet";
import type { StreamStatistics } from "../stream/statistics";
import { encodeAudio } from "../stream/wire";

/**
 * off: nothing is asked for. starting: the player is being made. on: what sounds is played. blocked: the browser waits for a click or key.
 * unsupported: this browser can't.
 */
export interface SoundState {
    state: "off" | "starting" | "on" | "blocked" | "unsupported";
    /** Why it is unsupported. */
    detail: string;
}

const KEY = "sound";

/** The desktop's sound: asked for while it can be heard, and only then. */
export class DesktopSound {
    readonly state = new Store<SoundState>(
        canPlay() ? { state: "off", detail: "" } : { state: "unsupported", detail: "It has no WebCodecs audio decoder." },
    );
    private player: SoundPlayer | null = null;
    private readonly lips = new Lips();
    private readonly listeners = new AbortController();
    /** What the streamer was told. */
    private asked = false;

    constructor(
        private readonly statistics: StreamStatistics,
        private readonly send: (message: ArrayBuffer) => void,
    ) {
        const { signal } = this.listeners;
        const gesture = () => {
            if (this.state.get().state === "blocked") {
                this.player?.resume();
            }
        };
        for (const type of ["pointerup", "keydown", "touchend"]) {
            addEventListener(type, gesture, { capture: true, signal });
        }
        if (stored() && canPlay()) {
            this.start();
        }
    }

    toggle(): void {
        const { state } = this.state.get();
        if (state === "blocked") {
            this.player?.resume();
        } else if (state === "off") {
            remember(true);
            this.start();
        } else if (state !== "unsupported") {
            remember(false);
            this.stop({ state: "off", detail: "" });
        }
    }

    /** A stream begins: its streamer was told nothing yet. */
    restart(): void {
        this.asked = false;
        this.ask();
    }

    play(packet: Uint8Array, captured: number): void {
        const { sound } = this.statistics;
        this.statistics.sound = { ...sound, packets: sound.packets + 1, bytes: sound.bytes + packet.length };
        this.player?.play(packet, captured);
    }

    close(): void {
        this.listeners.abort();
        this.player?.close();
        this.player = null;
    }

    get output() {
        return this.player?.output ?? null;
    }

    private start(): void {
        this.state.set({ state: "starting", detail: "" });
        this.player = new SoundPlayer({
            permitted: (permitted) => {
                this.state.set({ state: permitted ? "on" : "blocked", detail: "" });
                this.ask();
            },
            report: (report, heardAt) => this.heard(report, heardAt),
            failed: (detail) => this.stop({ state: "unsupported", detail }),
        });
        this.player.resume();
    }

    private stop(state: SoundState): void {
        this.player?.close();
        this.player = null;
        this.state.set(state);
        this.ask();
    }

    private ask(): void {
        const wanted = this.state.get().state === "on";
        if (wanted !== this.asked) {
            this.asked = wanted;
            this.send(encodeAudio(wanted));
        }
    }

    private heard(report: WorkletReport, heardAt: number): void {
        this.statistics.soundHeard(report, heardAt - report.captured / 1000);
        const now = performance.now();
        const { behindMs, targetMs } = this.statistics.sound;
        const most = this.lips.look({ behindMs, targetMs, pictureAgeMs: now - this.statistics.lastPaintedAt }, now);
        if (most !== null) {
            this.player?.limit(most);
        }
    }
}

function stored(): boolean {
    try {
        return localStorage.getItem(KEY) === "on";
    } catch {
        return false; // storage can be forbidden by the browser's settings
    }
}

function remember(on: boolean): void {
    try {
        localStorage.setItem(KEY, on ? "on" : "off");
    } catch {
        // The choice then lasts as long as the page.
    }
}
