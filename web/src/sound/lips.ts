/** Sound may come so much after the picture of the same moment, by what is known of both; people notice from some 80 ms on. */
const BEHIND_MS = 75;
/** Less than this is not acted on. */
const NOISE_MS = 5;
/** Between two looks: what the last one changed has to show first. */
const EACH_MS = 1_000;
/** Without a picture for so long there are no lips to be in time with. */
const STILL_MS = 3_000;
const NO_LIMIT_MS = 200;

export interface LipsView {
    targetMs: number;
    /** null: not known. */
    behindMs: number | null;
    /** Since the latest picture. */
    pictureAgeMs: number;
}

/** Decides how much sound may be kept ready: as much as a busy machine wants, but not at the price of lips that move before the words. */
export class Lips {
    private lookedAt = -Infinity;

    /** The limit from now on; null: as it was. */
    look({ targetMs, behindMs, pictureAgeMs }: LipsView, now: number): number | null {
        if (now - this.lookedAt < EACH_MS) {
            return null;
        }
        this.lookedAt = now;
        if (behindMs === null || pictureAgeMs > STILL_MS) {
            return NO_LIMIT_MS;
        }
        const excess = behindMs - BEHIND_MS;
        return excess > 0 && excess < NOISE_MS ? null : targetMs - excess;
    }
}
