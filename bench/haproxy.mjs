// What HAProxy adds: the delay of HTTP requests and of a stream's messages while 500 HTTP connections ask and fifty sessions' WebSockets carry their
// streams, through the edge and straight to the node. The node is a stand-in that answers and streams as the relay does: only the way is measured.
//
// Node, load and prober are a process each. The load has all connections but those of the prober: one for HTTP, ten WebSockets. Who measures has little
// else to do, for a client that decrypts fifty streams in one thread delays what it times, and does so on the side of the edge alone, where TLS is.
// What TLS costs the prober's own messages is in the figures.
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";

import { HAProxy, HOST } from "../tests/harness/haproxy.mjs";
import { cpuSeconds } from "./lib/processes.mjs";
import { option, report } from "./lib/report.mjs";
import { median, percentile } from "./lib/statistics.mjs";

const CONNECTIONS = 500;
const SESSIONS = 50;
const PROBED_SESSIONS = 10;
const ASK_MS = 5; // the load's connections ask in turn, one each 5 ms
const FRAME_BYTES = 8192;
const FRAME_MS = 100; // 10 updates of 8 KiB a second and session: 32 Mbit/s in all
const BODY = "ok";
const self = fileURLToPath(import.meta.url);
const now = () => Number(process.hrtime.bigint() / 1000n) / 1000; // ms; one clock for all processes

function frame() {
    const bytes = Buffer.alloc(4 + FRAME_BYTES);
    bytes[0] = 0x82;
    bytes[1] = 126;
    bytes.writeUInt16BE(FRAME_BYTES, 2);
    bytes.writeDoubleBE(now(), 4);
    return bytes;
}

function serve() {
    const server = createServer((_, answer) => answer.end(BODY));
    server.keepAliveTimeout = 60000;
    server.on("upgrade", (_, socket) => {
        socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n");
        socket.setNoDelay(true);
        setTimeout(() => {
            const timer = setInterval(() => socket.write(frame()), FRAME_MS);
            socket.on("close", () => clearInterval(timer)).on("error", () => {});
        }, Math.random() * FRAME_MS);
    });
    server.listen(0, "127.0.0.1", 1024, () => process.send(server.address().port));
}

async function connect({ port, ca }) {
    const socket = ca ? connectTls({ port, host: "127.0.0.1", servername: HOST, ca }) : connectTcp(port, "127.0.0.1");
    socket.setNoDelay(true);
    await once(socket, ca ? "secureConnect" : "connect");
    return socket;
}

// A request without a library: what it costs is part of what is measured.
async function openHttp(side) {
    const socket = await connect(side);
    const request = `GET / HTTP/1.1\r\nHost: ${HOST}:${side.port}\r\n\r\n`;
    let text = "";
    let done = null;
    socket.on("data", (data) => {
        text += data.toString("latin1");
        if (!text.endsWith(`\r\n\r\n${BODY}`)) return;
        text = "";
        done();
    });
    return () =>
        new Promise((resolve) => {
            done = resolve;
            socket.write(request);
        });
}

// A WebSocket; `take` gets the time that each message has in it.
async function openStream(side, take) {
    const socket = await connect(side);
    const words = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="];
    socket.write(`GET /ws/local/sandboxes/x/desktop HTTP/1.1\r\nHost: ${HOST}:${side.port}\r\n${words.join("\r\n")}\r\n\r\n`);
    let rest = Buffer.alloc(0);
    let begun = false;
    socket.on("data", (data) => {
        rest = rest.length ? Buffer.concat([rest, data]) : data;
        if (!begun) {
            const end = rest.indexOf("\r\n\r\n");
            if (end < 0) return;
            begun = true;
            rest = rest.subarray(end + 4);
        }
        for (; rest.length >= 4 + FRAME_BYTES; rest = rest.subarray(4 + FRAME_BYTES)) take(rest.readDoubleBE(4));
    });
}

const all = (count, open) => Promise.all(Array.from({ length: count }, open));

// Until it is killed.
async function load(side) {
    await all(SESSIONS - PROBED_SESSIONS, () => openStream(side, () => {}));
    const connections = await all(CONNECTIONS - 1, () => openHttp(side));
    const free = connections.slice();
    const ask = async () => {
        const connection = free.shift();
        if (!connection) return;
        await connection();
        free.push(connection);
    };
    await Promise.all(connections.map((connection) => connection()));
    setInterval(ask, ASK_MS);
    process.send("up");
}

// {http, stream}: delays in ms.
async function probe(side, seconds) {
    const delays = { http: [], stream: [] };
    const ask = await openHttp(side);
    await ask();
    await all(PROBED_SESSIONS, () => openStream(side, (sent) => delays.stream.push(now() - sent)));
    const end = now() + seconds * 1000;
    while (now() < end) {
        await new Promise((resolve) => setTimeout(resolve, ASK_MS));
        const start = now();
        await ask();
        delays.http.push(now() - start);
    }
    process.send(delays, () => process.exit(0));
}

// The first message of a child.
const heard = (child) =>
    new Promise((resolve, reject) => child.once("message", resolve).once("exit", (code) => reject(new Error(`it ended before it said anything: ${code}`))));

async function measure(side, seconds) {
    const words = [JSON.stringify(side), String(seconds)];
    const others = fork(self, ["load", ...words]);
    try {
        await heard(others);
        return await heard(fork(self, ["probe", ...words]));
    } finally {
        const ended = once(others, "exit");
        if (others.kill()) await ended;
    }
}

process.once("disconnect", () => process.exit(1)); // of the parent, in a child
const [, , role, side, seconds] = process.argv;
if (role === "serve") serve();
else if (role === "load") await load(JSON.parse(side));
else if (role === "probe") await probe(JSON.parse(side), Number(seconds));
else await main();

async function main() {
    const seconds = option("n", 10);
    const rounds = option("rounds", 5);
    const node = fork(self, ["serve"]);
    const port = await heard(node);
    const edge = await HAProxy.start({ local: port }, ["--source-connections", "2000", "--api-rate", "100000"]);
    const sides = { direct: { port }, edge: { port: edge.port, ca: edge.ca.toString() } };
    const delays = { direct: { http: [], stream: [] }, edge: { http: [], stream: [] } };
    let busy = 0;
    try {
        for (let i = 0; i < rounds; i++)
            for (const [name, side] of Object.entries(sides)) {
                const before = edge.workers().reduce((sum, pid) => sum + cpuSeconds(pid), 0);
                const measured = await measure(side, seconds);
                if (name === "edge") busy += edge.workers().reduce((sum, pid) => sum + cpuSeconds(pid), 0) - before;
                for (const kind of ["http", "stream"]) delays[name][kind].push(measured[kind]);
            }
    } finally {
        await edge.stop();
        node.kill();
    }
    const rows = ["http", "stream"].map((kind) => {
        const at = (side, p) => percentile(delays[side][kind].flat(), p);
        const added = delays.edge[kind].map((list, i) => percentile(list, 99) - percentile(delays.direct[kind][i], 99));
        return {
            ...{ what: kind, "direct p50 ms": at("direct", 50), "edge p50 ms": at("edge", 50), "direct p99 ms": at("direct", 99), "edge p99 ms": at("edge", 99) },
            ...{ "added p99 ms": at("edge", 99) - at("direct", 99), "added p99, median of rounds": median(added), delays: delays.edge[kind].flat().length },
        };
    });
    report("haproxy", rows, [
        `${CONNECTIONS} HTTP connections that ask ${1000 / ASK_MS} times a second, ${SESSIONS} WebSockets with ${1000 / FRAME_MS} messages of ${FRAME_BYTES} bytes a second each; ${rounds} rounds of ${seconds} s, by turns`,
        `measured on one of the connections and ${PROBED_SESSIONS} of the WebSockets, by a process of its own; the edge's side does TLS at both ends`,
        `HAProxy took ${((busy / (rounds * seconds)) * 100).toFixed(1)} % of a core, with the handshakes of the start`,
    ]);
}
