// What HAProxy adds: the delay of HTTP requests on many connections while as many WebSockets as fifty sessions have carry their streams, through the
// edge and straight to the node. The node is a stand-in that answers and streams as the relay does, in a process of its own: only the way is measured.
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { fileURLToPath } from "node:url";

import { HAProxy, HOST } from "../tests/harness/haproxy.mjs";
import { option, report } from "./lib/report.mjs";
import { percentile } from "./lib/statistics.mjs";

const CONNECTIONS = 500;
const SESSIONS = 50;
const FRAME_BYTES = 8192;
const FRAME_MS = 100; // 10 updates of 8 KiB a second and session: 32 Mbit/s in all
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
    const server = createServer((_, answer) => answer.end("ok"));
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

// {http, stream}: delays in ms.
async function measure({ port, tls, ca }, seconds) {
    const ask = tls ? requestHttps : requestHttp;
    const base = { port, host: "127.0.0.1", ...(tls ? { ca, servername: HOST } : {}), headers: { host: `${HOST}:${port}` } };
    const { Agent } = tls ? await import("node:https") : await import("node:http");
    const delays = { http: [], stream: [] };
    let measuring = false;
    const sockets = [];
    for (let i = 0; i < SESSIONS; i++) {
        const headers = { ...base.headers, connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" };
        const sent = ask({ ...base, headers, path: "/ws/local/sandboxes/x/desktop", agent: false }).end();
        const [, socket, head] = await once(sent, "upgrade");
        let rest = head;
        socket.on("data", (data) => {
            rest = Buffer.concat([rest, data]);
            for (; rest.length >= 4 + FRAME_BYTES; rest = rest.subarray(4 + FRAME_BYTES)) if (measuring) delays.stream.push(now() - rest.readDoubleBE(4));
        });
        sockets.push(socket);
    }
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const one = async () => {
        const start = now();
        const sent = ask({ ...base, path: "/", agent }).end();
        const [answer] = await once(sent, "response");
        answer.resume();
        await once(answer, "end");
        return now() - start;
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, one)); // all connections are open
    measuring = true;
    const end = now() + seconds * 1000;
    while (now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        delays.http.push(await one());
    }
    agent.destroy();
    for (const socket of sockets) socket.destroy();
    return delays;
}

if (process.argv[2] === "serve") serve();
else {
    const seconds = option("n", 10);
    const rounds = option("rounds", 3);
    const node = fork(self, ["serve"]);
    const [port] = await once(node, "message");
    const edge = await HAProxy.start({ local: port }, ["--source-connections", "2000", "--api-rate", "100000"]);
    const sides = { direct: { port }, edge: { port: edge.port, tls: true, ca: edge.ca } };
    const all = { direct: { http: [], stream: [] }, edge: { http: [], stream: [] } };
    try {
        for (let i = 0; i < rounds; i++)
            for (const [name, side] of Object.entries(sides)) {
                const delays = await measure(side, seconds);
                for (const kind of ["http", "stream"]) all[name][kind].push(...delays[kind]);
            }
    } finally {
        await edge.stop();
        node.kill();
    }
    const rows = ["http", "stream"].map((kind) => {
        const at = (side, p) => percentile(all[side][kind], p);
        return {
            ...{ what: kind, "direct p50 ms": at("direct", 50), "edge p50 ms": at("edge", 50), "direct p99 ms": at("direct", 99), "edge p99 ms": at("edge", 99) },
            "added p99 ms": at("edge", 99) - at("direct", 99),
        };
    });
    report("haproxy", rows, [
        `${CONNECTIONS} open HTTP connections and ${SESSIONS} WebSockets with ${1000 / FRAME_MS} messages of ${FRAME_BYTES} bytes a second, ${rounds} rounds of ${seconds} s each, by turns`,
        "the edge side also does TLS at both its ends, the client's in this process",
    ]);
}
