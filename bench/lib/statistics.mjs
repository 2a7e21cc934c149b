// Medians and percentiles: a shared machine is noisy, so a single figure or a mean says little.

// The smallest value that at least p percent of the values do not exceed.
export function percentile(values, p) {
    if (values.length === 0) throw new Error("no values to summarize");
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)];
}

export const median = (values) => percentile(values, 50);

export function summary(values) {
    return { n: values.length, p50: median(values), p95: percentile(values, 95), max: Math.max(...values) };
}

// A random pause, so that events never lock to a frame clock.
export const randomBetween = (low, high) => low + Math.random() * (high - low);
