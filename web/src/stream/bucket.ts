/** So much a second, and so much at once after a pause: the server closes connections that send more than docs/PROTOCOL.md permits. */
export class Bucket {
    private level: number;
    private filled = performance.now();

    constructor(
        private readonly rate: number,
        private readonly burst: number,
    ) {
        this.level = burst;
    }

    /** False, and nothing taken, when there is not as much. */
    take(amount: number): boolean {
        const now = performance.now();
        this.level = Math.min(this.level + ((now - this.filled) * this.rate) / 1000, this.burst);
        this.filled = now;
        if (this.level < amount) {
            return false;
        }
        this.level -= amount;
        return true;
    }
}
