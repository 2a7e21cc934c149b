import { type DecodingPath, type LastFrame, type Stage, STAGES, type SoundStatistics, type StreamStatistics } from "../stream/statistics";
import type { StreamerStatistics } from "../stream/wire";
import type { DesktopMicrophone, MicrophoneState } from "./microphone";
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
    readonly microphone: Readonly<MicrophoneState & { packets: number }>;
    readonly soundLook: SoundLook | null;
}

/** Of what is heard, looked at where it leaves for the loudspeakers. */
export interface SoundLook {
    /** The highest peak of the last third of a second. */
    readonly peak: Readonly<{ hertz: number; decibels: number }>;
    /** The largest sample of the last 5 ms. */
    readonly level: number;
}

const LATEST = 256;
let analyser: AnalyserNode | null = null;
let latest: AnalyserNode | null = null;

function lookAt(sound: DesktopSound): SoundLook | null {
    const { output } = sound;
    if (output === null) {
        return null;
    }
    if (analyser?.context !== output.context) {
        analyser = new AnalyserNode(output.context, { fftSize: 16384, smoothingTimeConstant: 0 });
        latest = new AnalyserNode(output.context, { fftSize: LATEST });
        output.node.connect(analyser);
        output.node.connect(latest);
    }
    const from = analyser;
    // Only what is asked for is computed: who watches closely must not disturb what he watches.
    return {
        get level() {
            const samples = new Float32Array(LATEST);
            latest!.getFloatTimeDomainData(samples);
            return samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
        },
        get peak() {
            const levels = new Float32Array(from.frequencyBinCount);
            from.getFloatFrequencyData(levels);
            const peak = levels.reduce((best, level, i) => (level > levels[best]! ? i : best), 0);
            return Object.freeze({ hertz: (peak * output.context.sampleRate) / from.fftSize, decibels: levels[peak]! });
        },
    };
}

export function exposeStatistics(statistics: StreamStatistics, session: DesktopSession, sound: DesktopSound, microphone: DesktopMicrophone): () => void {
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
                microphone: Object.freeze({ ...microphone.state.get(), packets: microphone.sent }),
                get soundLook() {
                    return lookAt(sound);
                },
                streamer: statistics.streamer && Object.freeze({ ...statistics.streamer }),
            }),
    });
    return () => Reflect.deleteProperty(window, "desktopStatistics");
}
