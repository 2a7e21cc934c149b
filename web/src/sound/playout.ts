/**
 * What lies between packets that come when they come and a sound card that asks without mercy: a ring of samples that is kept just full
 * enough. Runs in the audio worklet; has no clock but the samples that are asked for.
 */

export const SAMPLE_RATE = 48_000;

const FRAMES_PER_MS = SAMPLE_RATE / 1000;
/** A second; a stream that sends faster than it plays loses the oldest. */
const CAPACITY = SAMPLE_RATE;
const TARGET_FIRST = 40 * FRAMES_PER_MS;
const TARGET_MIN = 30 * FRAMES_PER_MS;
const TARGET_MAX = 200 * FRAMES_PER_MS;
/** After a packet that came too late; taken back bit by bit. */
const TARGET_STEP = 20 * FRAMES_PER_MS;
const TARGET_RELAX = 5 * FRAMES_PER_MS;
const RELAX_AFTER = 5 * SAMPLE_RATE;
/** Further above the target than this, samples are skipped; within it the speed is changed so little that nobody hears it. */
const SKIP_ABOVE = 100 * FRAMES_PER_MS;
const SPEED_MAX = 0.005;
const SPEED_FREE = 4 * FRAMES_PER_MS;
/** The error of the level that leads to SPEED_MAX. */
const SPEED_SPAN = 30 * FRAMES_PER_MS;
/** Share of the latest level in the smoothed one, with each read of 128 samples. */
const SMOOTHING = 128 / SAMPLE_RATE;
/** A packet that was captured later than this after the one before follows a silence. */
const GAP_US = 15_000;
const FADE = 64;

export interface PlayoutReport {
    /** Captured time of what is played next, in µs of the streamer's clock; -1 while nothing plays. */
    captured: number;
    levelMs: number;
    targetMs: number;
    underruns: number;
    skips: number;
}

export class Playout {
    private readonly left = new Float32Array(CAPACITY);
    private readonly right = new Float32Array(CAPACITY);
    /** In samples since the start; written - read are there. `read` has a fraction. */
    private written = 0;
    private read = 0;
    private playing = false;
    private level = 0;
    private target = TARGET_FIRST;
    /** What may be kept ready, so that sound and picture stay together. */
    private most = TARGET_MAX;
    private sinceUnderrun = 0;
    private dry = false;
    /** Captured time of sample `written`. */
    private next = -1;
    private fade = 0;
    private underruns = 0;
    private skips = 0;

    push(left: Float32Array, right: Float32Array, captured: number): void {
        const count = Math.min(left.length, right.length, CAPACITY / 2);
        if (this.dry && this.next >= 0 && captured - this.next < GAP_US) {
            // It should have been here before: more has to be kept.
            this.underruns++;
            this.target = Math.min(this.target + TARGET_STEP, this.most);
            this.sinceUnderrun = 0;
        }
        this.dry = false;
        this.next = captured + (count * 1000) / FRAMES_PER_MS;
        for (let i = 0; i < count; i++) {
            const at = (this.written + i) % CAPACITY;
            this.left[at] = left[i]!;
            this.right[at] = right[i]!;
        }
        this.written += count;
        if (this.written - this.read > CAPACITY - 1) {
            this.skipTo(this.target);
        }
    }

    /** Fills the outputs, with silence where there is nothing. */
    pull(left: Float32Array, right: Float32Array): void {
        if (!this.playing && this.written - this.read >= this.target) {
            this.playing = true;
            this.fade = 0;
            this.skipTo(this.target);
            this.level = this.target;
        }
        if (!this.playing) {
            this.endSpurt(left, right);
            return;
        }
        if (this.written - this.read > this.target + SKIP_ABOVE) {
            this.skips++;
            this.skipTo(this.target);
        }
        this.play(left, right, this.speed());
    }

    /** At most so much is kept ready from here on; what is too much is left out at once, for a gap is heard once and lips are seen all the time. */
    limit(milliseconds: number): void {
        this.most = Math.max(TARGET_MIN, Math.min(milliseconds * FRAMES_PER_MS, TARGET_MAX));
        const excess = this.target - this.most;
        if (excess <= 0) {
            return;
        }
        this.target = this.most;
        if (this.playing && this.written - this.read > excess + FADE) {
            this.read = Math.floor(this.read + excess);
            this.level -= excess;
            this.fade = 0;
            this.skips++;
        }
    }

    report(): PlayoutReport {
        const level = this.written - this.read;
        return {
            captured: this.playing ? this.next - (level * 1000) / FRAMES_PER_MS : -1,
            levelMs: level / FRAMES_PER_MS,
            targetMs: this.target / FRAMES_PER_MS,
            underruns: this.underruns,
            skips: this.skips,
        };
    }

    /** What is less than the target is all there was of a short sound when nothing follows it. */
    private endSpurt(left: Float32Array, right: Float32Array): void {
        left.fill(0);
        right.fill(0);
        if (this.written === this.read) {
            return;
        }
        this.waited += left.length;
        if (this.waited > this.target) {
            this.playing = true;
            this.fade = 0;
            this.level = this.written - this.read;
        }
    }

    private waited = 0;

    /** How much faster or slower than real time, so that the level comes to the target: the two clocks are not the same. */
    private speed(): number {
        this.level += (this.written - this.read - this.level) * SMOOTHING;
        const off = this.level - this.target;
        return Math.abs(off) < SPEED_FREE ? 1 : 1 + Math.max(-1, Math.min(1, off / SPEED_SPAN)) * SPEED_MAX;
    }

    private play(left: Float32Array, right: Float32Array, speed: number): void {
        if (speed === 1) {
            this.read = Math.floor(this.read);
        }
        for (let i = 0; i < left.length; i++) {
            const at = Math.floor(this.read);
            if (at + 1 >= this.written) {
                this.stop(left, right, i);
                return;
            }
            const part = this.read - at;
            const gain = this.fade < FADE ? this.fade++ / FADE : 1;
            const a = at % CAPACITY;
            const b = (at + 1) % CAPACITY;
            left[i] = gain * (this.left[a]! + (this.left[b]! - this.left[a]!) * part);
            right[i] = gain * (this.right[a]! + (this.right[b]! - this.right[a]!) * part);
            this.read += speed;
        }
        this.sinceUnderrun += left.length;
        if (this.sinceUnderrun > RELAX_AFTER) {
            this.sinceUnderrun = 0;
            this.target = Math.max(this.target - TARGET_RELAX, TARGET_MIN);
        }
    }

    /** Nothing is left. Whether that was to be so, the next packet tells. */
    private stop(left: Float32Array, right: Float32Array, from: number): void {
        left.fill(0, from);
        right.fill(0, from);
        for (let i = Math.max(0, from - FADE); i < from; i++) {
            const gain = (from - i) / FADE;
            left[i] = left[i]! * gain;
            right[i] = right[i]! * gain;
        }
        this.playing = false;
        this.waited = 0;
        this.dry = true;
        this.read = this.written;
    }

    private skipTo(level: number): void {
        this.read = Math.max(Math.floor(this.read), Math.floor(this.written - level));
    }
}
