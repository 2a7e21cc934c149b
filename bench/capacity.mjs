// How many sessions this machine carries: each types 10 keys a second into a terminal, 1920x1080; more are added until the 95th percentile of
// all keys is twice that of one session. Writes the curve to docs/images/capacity.svg. The viewers are light (lib/light_viewers.mjs); their
// time, the same for both sides, is in it.
import { writeFileSync } from "node:fs";

import { startServer } from "../tests/harness/server.mjs";
import { until } from "../tests/harness/until.mjs";
import { OurLightViewer, VncLightViewer } from "./lib/light_viewers.mjs";
import { stopServer } from "./lib/ours.mjs";
import { SIZE } from "./lib/pair.mjs";
import { linePlot } from "./lib/plot.mjs";
import { option, report } from "./lib/report.mjs";
import { summary } from "./lib/statistics.mjs";
import { Tigervnc } from "./lib/tigervnc.mjs";

const seconds = option("n", 5); // of typing for each number of sessions
const steps = [1, 8, 16, 32, 64, 96, 128, 160, 192, 224, 256].slice(0, option("rounds", 11));
const AT_ONCE = 4; // sessions that are started at once
const FAR = 3; // times the first p95: enough is seen
const PLOT = new URL("../docs/images/capacity.svg", import.meta.url).pathname;

// Sessions of one server, as many as wanted.
class OurSessions {
    name = "sandbox-server";
    viewers = [];

    async start() {
        const most = String(steps.at(-1));
        this.server = await startServer({ env: { SANDBOX_MAX_PER_USER: most, SANDBOX_MAX_PER_NODE: most, LOG_LEVEL: "warning" } });
        this.client = await this.server.adminClient();
    }

    // Several at once; each then has a terminal.
    async add(count) {
        await this.client.refresh();
        await Promise.all(Array.from({ length: count }, () => this.#addOne()));
        await until("their terminals", () => this.server.processes("xterm").length === this.viewers.length, 30000);
        await Promise.all(this.viewers.map((viewer) => viewer.settle()));
    }

    async #addOne() {
        const { id } = await this.client.startSandbox();
        const viewer = await OurLightViewer.open(this.server, this.client, id);
        this.viewers.push(viewer);
        await viewer.settle();
        viewer.openTerminal();
    }

    async stop() {
        for (const viewer of this.viewers) viewer.close();
        await stopServer(this.server);
    }
}

class VncSessions {
    name = "TigerVNC + websockify + noVNC";
    viewers = [];
    peers = [];

    async start() {}

    async add(count) {
        await Promise.all(Array.from({ length: count }, () => this.#addOne()));
        await Promise.all(this.viewers.map((viewer) => viewer.settle()));
    }

    async #addOne() {
        const peer = await Tigervnc.start(SIZE);
        this.peers.push(peer);
        const viewer = await VncLightViewer.open(peer);
        this.viewers.push(viewer);
        await viewer.settle();
        peer.spawn("xterm", [], { env: peer.environment, cwd: peer.home });
    }

    async stop() {
        for (const viewer of this.viewers) viewer.close();
        for (const peer of this.peers) await peer.stop();
    }
}

// [{count, p50, p95, n}] until the p95 is far beyond twice the first. One session alone types longer: it is what all others are compared with.
async function curve(side) {
    const points = [];
    await side.start();
    try {
        for (const count of steps) {
            while (side.viewers.length < count) await side.add(Math.min(AT_ONCE, count - side.viewers.length));
            const times = await Promise.all(side.viewers.map((viewer) => viewer.type(count === 1 ? 4 * seconds : seconds)));
            const { p50, p95, n } = summary(times.flat());
            points.push({ count, p50, p95, n });
            if (p95 > FAR * points[0].p95) break;
        }
    } finally {
        await side.stop();
    }
    return points;
}

// Where the line between two points crosses twice the first p95 for good.
function capacity(points) {
    const limit = 2 * points[0].p95;
    const below = points.findLastIndex(({ p95 }) => p95 <= limit);
    if (below === points.length - 1) return `more than ${points.at(-1).count}`;
    const [low, high] = [points[below], points[below + 1]];
    return String(Math.floor(low.count + ((limit - low.p95) / (high.p95 - low.p95)) * (high.count - low.count)));
}

const sides = [new OurSessions(), new VncSessions()];
const curves = [];
for (const side of sides) curves.push(await curve(side));
writeFileSync(
    PLOT,
    linePlot({
        title: "Keystroke until its picture arrives, by sessions that type at once",
        x: "sessions, each 10 keys a second",
        y: "p95, ms",
        series: sides.map(({ name }, i) => ({ name, points: curves[i].map(({ count, p95 }) => [count, p95]) })),
    }),
);
const rows = sides.flatMap(({ name }, i) => curves[i].map(({ count, p50, p95, n }) => ({ side: name, sessions: count, keys: n, "p50, ms": p50, "p95, ms": p95 })));
report("capacity", rows, [
    ...sides.map(({ name }, i) => `${name}: p95 doubles at ${capacity(curves[i])} sessions`),
    `${seconds} s of typing at each number; ms from the key's message until the first picture's`,
]);
