import { useEffect, useState } from "preact/hooks";
import type { DesktopController } from "./controller";
import "./statistics-overlay.css";

interface Sample {
    time: number;
    frames: number;
    bytes: number;
}

interface Rates {
    frames: number;
    bits: number;
}

function bitrate(bits: number): string {
    if (bits >= 1e6) {
        return `${(bits / 1e6).toFixed(1)} Mbit/s`;
    }
    return bits >= 1e3 ? `${Math.round(bits / 1e3)} kbit/s` : `${Math.round(bits)} bit/s`;
}

function range(low: number, high: number): string {
    return `${low.toFixed(1)} / ${high.toFixed(1)} ms`;
}

export function StatisticsOverlay({ controller }: { controller: DesktopController }) {
    const { statistics } = controller;
    const [rates, setRates] = useState<Rates>({ frames: 0, bits: 0 });

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
        }, 1000);
        return () => clearInterval(timer);
    }, [statistics]);

    const { size } = controller.session.state.get();
    const { streamer } = statistics;
    const rows: [string, string][] = [
        ["Painted", `${rates.frames.toFixed(0)} per second`],
        ["Received", bitrate(rates.bits)],
        ["Decode p50 / p95", range(statistics.decodeMilliseconds(0.5), statistics.decodeMilliseconds(0.95))],
        ["Codec", statistics.codec || "none yet"],
        ["Display", size === null ? "unknown" : `${size.width} × ${size.height}`],
        ["Sequence", String(statistics.lastSequence)],
    ];
    if (streamer !== null) {
        rows.push(
            ["Encode p50 / p95", range(streamer.encodeP50 / 1000, streamer.encodeP95 / 1000)],
            ["Quantizer", String(streamer.quantizer)],
        );
    }
    if (statistics.decoderFailures > 0) {
        rows.push(["Decoder failures", String(statistics.decoderFailures)]);
    }
    return (
        <dl class="statistics" aria-label="Statistics">
            {rows.map(([name, value]) => (
                <div key={name}>
                    <dt>{name}</dt>
                    <dd>{value}</dd>
                </div>
            ))}
        </dl>
    );
}
