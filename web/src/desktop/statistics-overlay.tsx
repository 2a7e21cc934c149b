import { useEffect, useState } from "preact/hooks";
import type { StreamStatistics } from "../stream/statistics";
import type { DesktopController } from "./controller";
import "./statistics-overlay.css";

const INTERVAL_MS = 500;

interface Sample {
    time: number;
    frames: number;
    bytes: number;
}

/** The way of a frame, in order; what a frame spends on the way is half of the shortest round trip and what queues. */
const SEGMENTS: readonly [string, (statistics: StreamStatistics, share: number) => number][] = [
    ["Waited", (statistics, share) => statistics.stageMilliseconds("waited", share)],
    ["Converted", (statistics, share) => statistics.stageMilliseconds("converted", share)],
    ["Encoded", (statistics, share) => statistics.stageMilliseconds("encoded", share)],
    ["On the way", (statistics) => statistics.wayMilliseconds],
    ["Queued", (statistics, share) => statistics.stageMilliseconds("queued", share)],
    ["Decoded", (statistics, share) => statistics.stageMilliseconds("decoded", share)],
    ["Painted", (statistics, share) => statistics.stageMilliseconds("painted", share)],
];

function bitrate(bits: number): string {
    if (bits >= 1e6) {
        return `${(bits / 1e6).toFixed(1)} Mbit/s`;
    }
    return bits >= 1e3 ? `${Math.round(bits / 1e3)} kbit/s` : `${Math.round(bits)} bit/s`;
}

function size(bytes: number): string {
    return bytes >= 10_000 ? `${Math.round(bytes / 1000)} kB` : `${bytes} B`;
}

function milliseconds(value: number): string {
    return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

/** Frames and bits per second, looked at again and again. */
function useRates(statistics: StreamStatistics): { frames: number; bits: number } {
    const [rates, setRates] = useState({ frames: 0, bits: 0 });
    useEffect(() => {
        const take = (): Sample => ({
            time: performance.now(),
            frames: statistics.framesPainted,
            bytes: statistics.bytesReceived,
        });
        let last = take();
        const timer = setInterval(() => {
            const next = take();
            const seconds = (next.time - last.time) / 1000;
            setRates({
                frames: (next.frames - last.frames) / seconds,
                bits: ((next.bytes - last.bytes) * 8) / seconds,
            });
            last = next;
        }, INTERVAL_MS);
        return () => clearInterval(timer);
    }, [statistics]);
    return rates;
}

export function StatisticsOverlay({ controller }: { controller: DesktopController }) {
    const { statistics } = controller;
    const rates = useRates(statistics);
    const display = controller.session.state.get().size;
    const { streamer, lastFrame } = statistics;
    const picture: [string, string][] = [
        ["Painted", `${rates.frames.toFixed(0)} per second`],
        ["Received", bitrate(rates.bits)],
        ["Without loss", `${Math.round(statistics.losslessShare * 100)} %`],
        ["Last", lastFrame === null ? "none yet" : `${lastFrame.key ? "key frame" : lastFrame.kind}, ${size(lastFrame.bytes)}`],
        ["Codec", `${statistics.codec || "none yet"}, ${statistics.path}`],
        ["Display", display === null ? "unknown" : `${display.width} × ${display.height}`],
    ];
    const { sound } = statistics;
    if (sound.packets > 0) {
        const behind = sound.behindMs === null ? "" : `, ${Math.round(sound.behindMs)} ms behind the picture`;
        picture.push(["Sound", `${Math.round(sound.levelMs)} ms ready${behind}, ${sound.gaps} gaps`]);
    }
    if (statistics.decoderFailures > 0) {
        picture.push(["Decoder failures", String(statistics.decoderFailures)]);
    }
    return (
        <section class="statistics" aria-label="Statistics">
            <h2>
                Input to picture
                <strong>{milliseconds(statistics.stageMilliseconds("input", 0.5))}</strong>
                <small>p95 {milliseconds(statistics.stageMilliseconds("input", 0.95))}</small>
            </h2>
            <Stages statistics={statistics} />
            <Rows rows={picture} />
            {streamer !== null && (
                <Rows
                    rows={[
                        ["Round trip", milliseconds(streamer.roundTrip / 1000)],
                        ["Queue on the way", milliseconds(streamer.queue / 1000)],
                        ["May use", bitrate(streamer.rate * 1000)],
                        ["At most", `${Math.round(1e6 / Math.max(streamer.interval, 1))} per second`],
                        ["Quantizer", String(streamer.quantizer)],
                        ["Encoded p95", milliseconds(streamer.encodeP95 / 1000)],
                    ]}
                />
            )}
        </section>
    );
}

function Stages({ statistics }: { statistics: StreamStatistics }) {
    const values = SEGMENTS.map(([name, value]) => ({ name, p50: value(statistics, 0.5), p95: value(statistics, 0.95) }));
    const sum = values.reduce((total, { p50 }) => total + p50, 0);
    return (
        <>
            <div class="statistics-bar" aria-hidden="true">
                {values.map(({ name, p50 }, i) => (
                    <span
                        key={name}
                        class={`statistics-stage-${i}`}
                        style={{ width: `${sum === 0 ? 0 : (p50 / sum) * 100}%` }}
                    />
                ))}
            </div>
            <dl class="statistics-stages">
                {values.map(({ name, p50, p95 }, i) => (
                    <div key={name}>
                        <dt>
                            <i class={`statistics-stage-${i}`} />
                            {name}
                        </dt>
                        <dd>{milliseconds(p50)}</dd>
                        <dd class="statistics-p95">{milliseconds(p95)}</dd>
                    </div>
                ))}
            </dl>
        </>
    );
}

function Rows({ rows }: { rows: [string, string][] }) {
    return (
        <dl>
            {rows.map(([name, value]) => (
                <div key={name}>
                    <dt>{name}</dt>
                    <dd>{value}</dd>
                </div>
            ))}
        </dl>
    );
}
