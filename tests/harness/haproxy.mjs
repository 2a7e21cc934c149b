// A real HAProxy with what sandboxctl haproxy-config prints, on free ports, with a certificate made for it.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as requestHttps } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";

import { ApiClient } from "./api.mjs";
import { freePort } from "./server.mjs";
import { until } from "./until.mjs";

export const HOST = "localhost";
const STOP_MS = 60000;

// A key and a certificate that signs itself, as NAME/privkey.pem and NAME/fullchain.pem.
export function makeCertificate(directory, days = 2) {
    const [key, certificate] = [join(directory, "privkey.pem"), join(directory, "fullchain.pem")];
    const what = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", String(days)];
    const names = ["-subj", `/CN=${HOST}`, "-addext", `subjectAltName=DNS:${HOST}`];
    execFileSync("openssl", ["req", "-x509", ...what, ...names, "-keyout", key, "-out", certificate], { stdio: "pipe" });
    return { key, certificate };
}

export function printConfig(options) {
    return execFileSync(join(process.env.PROGRAMS, "bin/sandboxctl"), ["haproxy-config", ...options], { encoding: "utf8", env: {} });
}

export class HAProxy {
    // nodes: {name: port}; options: further words for sandboxctl haproxy-config.
    static async start(nodes, options = []) {
        const proxy = new HAProxy();
        proxy.directory = mkdtempSync(join(tmpdir(), "sandbox-server-edge-"));
        chmodSync(proxy.directory, 0o755);
        const { key, certificate } = makeCertificate(proxy.directory);
        proxy.pem = join(proxy.directory, "site.pem");
        proxy.ca = readFileSync(certificate);
        writeFileSync(proxy.pem, Buffer.concat([proxy.ca, readFileSync(key)]), { mode: 0o600 });
        [proxy.httpPort, proxy.port, proxy.statusPort, proxy.peerPort, proxy.acmePort] = await Promise.all([0, 0, 0, 0, 0].map(freePort));
        proxy.file = join(proxy.directory, "haproxy.cfg");
        const ports = ["--http-port", proxy.httpPort, "--https-port", proxy.port, "--status-port", proxy.statusPort, "--peer-port", proxy.peerPort, "--acme-port", proxy.acmePort];
        const places = ["--host", HOST, "--certificate", proxy.pem, "--bind", "127.0.0.1", "--run-directory", proxy.directory];
        const names = Object.entries(nodes).flatMap(([name, port]) => ["--node", `${name}=127.0.0.1:${port}`]);
        writeFileSync(proxy.file, printConfig([...places, ...names, ...ports.map(String), ...options]));
        proxy.check();
        await proxy.run();
        return proxy;
    }

    check() {
        execFileSync("haproxy", ["-c", "-q", "-f", this.file], { stdio: "pipe" });
    }

    // Again too, as the machine's service manager does it after a crash.
    async run() {
        this.log = "";
        this.child = spawn("haproxy", ["-W", "-db", "-f", this.file], { stdio: ["ignore", "pipe", "pipe"] });
        for (const stream of [this.child.stdout, this.child.stderr]) stream.on("data", (chunk) => (this.log += chunk));
        this.ended = once(this.child, "exit");
        await until("HAProxy's nodes to be up", async () => {
            if (this.child.exitCode !== null) throw new Error(`HAProxy ended: ${this.log}`);
            const rows = await this.servers().catch(() => []);
            return this.log.includes("Loading success") && rows.some(({ status }) => status.startsWith("UP"));
        });
    }

    get url() {
        return `https://${HOST}:${this.port}`;
    }

    async stats() {
        const text = await (await fetch(`http://127.0.0.1:${this.statusPort}/stats;csv`)).text();
        const [head, ...lines] = text.trimEnd().split("\n");
        const names = head.replace(/^# /, "").split(",");
        return lines.map((line) => Object.fromEntries(line.split(",").map((value, i) => [names[i], value])));
    }

    async servers() {
        return (await this.stats()).filter(({ pxname, svname }) => pxname === "nodes" && svname !== "BACKEND");
    }

    server(name) {
        return this.servers().then((rows) => rows.find(({ svname }) => svname === name));
    }

    // The processes that serve, those of before a reload included.
    workers() {
        return readFileSync(`/proc/${this.child.pid}/task/${this.child.pid}/children`, "utf8").trim().split(" ").filter(Boolean);
    }

    async reload() {
        const loaded = () => this.log.split("Loading success").length;
        const before = new Set(this.workers());
        const times = loaded();
        this.child.kill("SIGUSR2");
        await until("a new worker", () => this.workers().some((pid) => !before.has(pid)));
        // A signal that comes while the master still loads is lost.
        await until("the end of its loading", () => loaded() > times);
        await until("its port", async () => (await this.servers().catch(() => [])).length > 0);
    }

    client(options) {
        return new EdgeClient(this, options);
    }

    tls(options = {}) {
        return connectTls({ port: this.port, host: "127.0.0.1", servername: HOST, ca: this.ca, ...options });
    }

    async stop() {
        this.child.kill("SIGTERM");
        const limit = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS);
        await this.ended;
        clearTimeout(limit);
        rmSync(this.directory, { recursive: true, force: true });
    }
}

// Through TLS, from a chosen address of this machine.
export class EdgeClient extends ApiClient {
    constructor(proxy, { localAddress = "127.0.0.1", headers = {} } = {}) {
        super(proxy.url);
        Object.assign(this, { proxy, localAddress, extra: headers });
    }

    async request(method, path, { body, token = this.token, headers = {}, cookie, signal } = {}) {
        const text = body === undefined ? undefined : JSON.stringify(body);
        const { proxy, localAddress } = this;
        const sent = requestHttps({
            ...{ method, path, port: proxy.port, host: "127.0.0.1", servername: HOST, ca: proxy.ca, localAddress, agent: false, signal },
            headers: {
                host: `${HOST}:${proxy.port}`,
                ...(token ? { authorization: `Bearer ${token}` } : {}),
                ...(cookie ? { cookie: `refresh_token=${cookie}` } : {}),
                ...(text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
                ...this.extra,
                ...headers,
            },
        });
        sent.end(text);
        const [answer] = await once(sent, "response");
        const chunks = [];
        for await (const chunk of answer) chunks.push(chunk);
        const received = Buffer.concat(chunks).toString();
        const isJson = /^application\/(problem\+)?json/.test(answer.headers["content-type"] ?? "");
        const get = (name) => answer.headers[name]?.toString() ?? null;
        return {
            ...{ status: answer.statusCode, headers: { ...answer.headers, get }, text: received },
            ...{ body: isJson ? JSON.parse(received) : null, cookies: answer.headers["set-cookie"] ?? [] },
        };
    }
}

// A WebSocket over HTTP/2 (RFC 8441) as a stream; rejects unless the answer is 200.
export async function connectOverHttp2(session, path, { protocol, origin, authority = new URL(origin).host }) {
    if (!session.remoteSettings?.enableConnectProtocol) await once(session, "remoteSettings");
    assert.equal(session.remoteSettings.enableConnectProtocol, true, "the edge takes no extended CONNECT");
    const stream = session.request({
        ...{ ":method": "CONNECT", ":protocol": "websocket", ":scheme": "https", ":path": path, ":authority": authority },
        ...{ "sec-websocket-version": "13", "sec-websocket-protocol": protocol, origin },
    });
    const [headers] = await once(stream, "response");
    if (headers[":status"] !== 200) {
        stream.destroy();
        throw Object.assign(new Error(`refused: ${headers[":status"]}`), { status: headers[":status"] });
    }
    return stream;
}
