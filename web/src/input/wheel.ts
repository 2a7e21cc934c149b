/** One notch of a wheel in the protocol's units. */
const NOTCH = 120;
/** What browsers report for one notch: pixels (Chromium), lines (Firefox), pages. */
const NOTCH_OF_MODE = [100, 3, 1];
const MAX_UNITS = 0x7fff;

/** Adds up wheel movement in 1/120 notches and hands out whole units, so that slow touchpads aren't lost. */
export class WheelAccumulator {
    private horizontal = 0;
    private vertical = 0;

    add(deltaX: number, deltaY: number, deltaMode: number): void {
        const notch = NOTCH_OF_MODE[deltaMode] ?? NOTCH_OF_MODE[0]!;
        this.horizontal += (deltaX * NOTCH) / notch;
        this.vertical += (deltaY * NOTCH) / notch;
    }

    /** null when there is no whole unit yet. */
    take(): { horizontal: number; vertical: number } | null {
        const horizontal = clamp(Math.trunc(this.horizontal));
        const vertical = clamp(Math.trunc(this.vertical));
        if (horizontal === 0 && vertical === 0) {
            return null;
        }
        this.horizontal -= horizontal;
        this.vertical -= vertical;
        return { horizontal, vertical };
    }

    reset(): void {
        this.horizontal = 0;
        this.vertical = 0;
    }
}

function clamp(units: number): number {
    return Math.min(Math.max(units, -MAX_UNITS), MAX_UNITS);
}
