import type { StreamStatistics } from "../stream/statistics";
import type { DesktopSession } from "./session";

/** What `window.desktopStatistics` reads while a desktop page is open (web/DESIGN.md). Numbers only, no control. */
export interface DesktopStatistics {
    readonly framesPainted: number;
    readonly lastSequence: number;
    readonly bytesReceived: number;
    readonly connectionState: string;
    /** p50 from a message's arrival to its pixels. */
    readonly decodeMilliseconds: number;
    readonly codec: string;
}

export function exposeStatistics(statistics: StreamStatistics, session: DesktopSession): () => void {
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
            }),
    });
    return () => Reflect.deleteProperty(window, "desktopStatistics");
}
