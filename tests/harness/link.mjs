// A thin, long way to a port: tests/scenario/link/link.c, which says what it does.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const PROGRAM = "libexec/sandbox-server/tests/link";

export class Link {
    #child;
    #lines;

    // targets: ports; up is towards them. queue: bytes, of each connection when fair, of all together when not.
    static async start(targets, { upKbps, downKbps, roundTripMs, queue = 65536, fair = true }) {
        const link = new Link();
        link.#child = spawn(join(process.env.PROGRAMS, PROGRAM), [upKbps, downKbps, roundTripMs, queue, fair ? "fair" : "fifo", ...targets].map(String), {
            stdio: ["pipe", "pipe", "inherit"],
        });
        link.#lines = createInterface({ input: link.#child.stdout })[Symbol.asyncIterator]();
        link.ports = (await link.#line()).split(" ").map(Number);
        return link;
    }

    async #line() {
        const { value, done } = await this.#lines.next();
        if (done) throw new Error("the link ended");
        return value;
    }

    async #command(text) {
        this.#child.stdin.write(`${text}\n`);
        return this.#line();
    }

    dark = () => this.#command("dark");
    light = () => this.#command("light");
    rate = (upKbps, downKbps) => this.#command(`rate ${upKbps} ${downKbps}`);
    delay = (roundTripMs) => this.#command(`delay ${roundTripMs}`);

    // Bytes carried so far, and the most that ever waited.
    async counters() {
        const [up, down, upQueued, downQueued] = (await this.#command("bytes")).split(" ").map(Number);
        return { up, down, upQueued, downQueued };
    }

    async stop() {
        const ended = once(this.#child, "exit");
        this.#child.stdin.end();
        await ended;
    }
}
