import { type DecodingPath, type LastFrame, type Stage, STAGES, type SoundStatistics, type StreamStatistics } from "../stream/statistics";
import type { StreamerStatistics } from "../stream/wire";
import type { DesktopSession } from "./session";
import type { DesktopSound } from "./sound";

/** What `window.desktopStatistics` reads while a desktop page is open (web/DESIGN.md). Numbers and names only, no control. */
export interface DesktopStatistics {
    readonly framesPainted: number;
    readonly lastSequence: number;
    readonly bytesReceived: number;
    readonly connectionState: string;
    /** p50 from a message's arrival to its pixels. */
    readonly decodeMilliseconds: number;
    readonly codec: string;
    readonly decodingPath: DecodingPath;
    readonly decoderFailures: number;
    /** Medians in ms. */
    readonly stages: Readonly<Record<Stage, number>>;
    readonly losslessShare: number;
    readonly lastFrame: Readonly<LastFrame> | null;
    readonly streamer: Readonly<StreamerStatistics> | null;
    readonly sound: Readonly<SoundStatistics & { state: string }>;
    readonly soundLook: Readonly<SoundLook> | null;
}

/** Of what is heard, looked at where it leaves for the loudspeakers. */
export interface SoundLook {
    /** Of the highest peak of the last third of a second. */
    hertz: number;
    decibels: number;
    /** The largest sample of the last 5 ms. */
    level: number;
}

const LATEST = 256;
let analyser: AnalyserNode | null = null;

function lookAt(sound: DesktopSound): SoundLook | null {
    const { output } = sound;
    if (output === null) {
        return null;
    }
    if (analyser?.context !== output.context) {
        analyser = new AnalyserNode(output.context, { fftSize: 16384, smoothingTimeConstant: 0 });
        output.node.connect(analyser);
    }
    const levels = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(levels);
    const peak = levels.reduce((best, level, i) => (level > levels[best]! ? i : best), 0);
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    return Object.freeze({
        hertz: (peak * output.context.sampleRate) / analyser.fftSize,
        decibels: levels[peak]!,
        level: samples.subarray(-LATEST).reduce((most, sample) => Math.max(most, Math.abs(sample)), 0),
    });
}

export function exposeStatistics(statistics: StreamStatistics, session: DesktopSession, sound: DesktopSound): () => void {
    const medians = () =>
        Object.fromEntries(STAGES.map((stage) => [stage, statistics.stageMilliseconds(stage, 0.5)])) as Record<Stage, number>;
    Object.defineProperty(window, "desktopStatistics", {
        configurable: true,
        get: (): DesktopStatistics =>
            Object.freeze({
                framesPainted: statistics.framesPainted,
                lastSequence: statistics.lastSequence,
                bytesReceived: statistics.bytesReceived,
                connectionState: session.state.get().connection,
                decodeMilliseconds: statistics.decodeMilliseconds(0.5),
                codec: statistics.codec,
                decodingPath: statistics.path,
                decoderFailures: statistics.decoderFailures,
                // Only asked for by who reads it: sorting takes longer than the rest.
                get stages() {
                    return Object.freeze(medians());
                },
                losslessShare: statistics.losslessShare,
                lastFrame: statistics.lastFrame && Object.freeze({ ...statistics.lastFrame }),
                sound: Object.freeze({ ...statistics.sound, state: sound.state.get().state }),
                get soundLook() {
                    return lookAt(sound);
                },
                streamer: statistics.streamer && Object.freeze({ ...statistics.streamer }),
            }),
    });
    return () => Reflect.deleteProperty(window, "desktopStatistics");
}
