import { type DecodingPath, type LastFrame, type Stage, STAGES, type StreamStatistics } from "../stream/statistics";
import type { StreamerStatistics } from "../stream/wire";
import type { DesktopSession } from "./session";

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
}

export function exposeStatistics(statistics: StreamStatistics, session: DesktopSession): () => void {
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
                streamer: statistics.streamer && Object.freeze({ ...statistics.streamer }),
            }),
    });
    return () => Reflect.deleteProperty(window, "desktopStatistics");
}
