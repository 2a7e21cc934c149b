import { useEffect, useState } from "preact/hooks";

const UNITS: readonly [number, string][] = [
    [86_400, "day"],
    [3_600, "hour"],
    [60, "minute"],
    [1, "second"],
];

/** "2 hours", "5 minutes"; the largest unit alone, which is all a glance needs. */
export function duration(seconds: number): string {
    const whole = Math.max(Math.floor(seconds), 0);
    for (const [size, name] of UNITS) {
        if (whole >= size) {
            const count = Math.floor(whole / size);
            return `${count} ${name}${count === 1 ? "" : "s"}`;
        }
    }
    return "0 seconds";
}

/** "5 minutes ago". */
export function ago(seconds: number): string {
    return seconds < 1 ? "just now" : `${duration(seconds)} ago`;
}

/** "7 h 59 min", "12 min", "45 s": two units where the second one matters. */
export function shortDuration(seconds: number): string {
    const whole = Math.max(Math.floor(seconds), 0);
    const days = Math.floor(whole / 86_400);
    const hours = Math.floor((whole % 86_400) / 3_600);
    const minutes = Math.floor((whole % 3_600) / 60);
    if (days > 0) {
        return hours > 0 ? `${days} d ${hours} h` : `${days} d`;
    }
    if (hours > 0) {
        return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
    }
    return minutes > 0 ? `${minutes} min` : `${whole} s`;
}

/** "1:05", for countdowns. */
export function clock(seconds: number): string {
    const whole = Math.max(Math.ceil(seconds), 0);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function secondsSince(time: string | null, now: number): number {
    return time === null ? 0 : (now - Date.parse(time)) / 1000;
}

/** The time of day in ms, new every `period` ms. */
export function useNow(period: number): number {
    const [now, setNow] = useState(Date.now());
    useEffect(() => {
        const timer = setInterval(() => setNow(Date.now()), period);
        return () => clearInterval(timer);
    }, [period]);
    return now;
}
