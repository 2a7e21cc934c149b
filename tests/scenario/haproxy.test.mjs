// The edge: HAProxy as sandboxctl haproxy-config sets it up, before a whole instance.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { once } from "node:events";
import { createServer, request as requestHttp } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { connectOverHttp2, HAProxy, HOST, makeCertificate, printConfig } from "../harness/haproxy.mjs";
import { freePort, startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";
import { SUBPROTOCOL, WebSocketClient } from "../harness/websocket.mjs";

const VIDEO = 0x02;
const skip = process.getuid() === 0 ? false : "HAProxy changes its user, which takes root";
const source = new URL("../../haproxy/", import.meta.url).pathname;

let server;
let edge; // with limits that no test meets by chance
let metricsPort;

before(async () => {
    if (skip) return;
    metricsPort = await freePort();
    server = await startServer({ env: { TRUSTED_PROXIES: "127.0.0.1", METRICS_PORT: String(metricsPort) } });
    edge = await HAProxy.start({ local: server.port }, ["--login-rate", "1000", "--api-rate", "100000"]);
});

after(async () => {
    await edge?.stop();
    await server?.stop();
});

const signedIn = async (proxy = edge) => {
    const client = proxy.client();
    assert.equal((await client.login("admin", server.adminPassword)).status, 200);
    return client;
};

const ticketPath = async (client, id) => (await client.request("POST", `/api/sandboxes/${id}/ticket`, { body: {} })).body.path;

function http2(proxy) {
    const session = connectHttp2(proxy.url, { ca: proxy.ca, lookup: (_, options, done) => done(null, options.all ? [{ address: "127.0.0.1", family: 4 }] : "127.0.0.1", 4) });
    session.on("error", () => {});
    return session;
}

// A viewer that paints everything at once; without acknowledgements the stream would rest.
async function watch(session, path) {
    const viewer = new WebSocketClient(await connectOverHttp2(session, path, { protocol: SUBPROTOCOL, origin: edge.url }), Buffer.alloc(0));
    const acknowledge = (sequence) => {
        const message = Buffer.alloc(16);
        message[0] = 0x81;
        message.writeUInt32LE(sequence, 4);
        viewer.send(message);
    };
    viewer.on("message", ({ binary, data }) => {
        if (binary && data[0] === 0x01) acknowledge(0);
        if (binary && data[0] >= 0x02 && data[0] <= 0x04) acknowledge(data.readUInt32LE(4));
    });
    await viewer.notice("session");
    return viewer;
}

test("the example in the tree is what sandboxctl prints, and HAProxy takes it", () => {
    const options = ["--host", "desk.example.org", "--node", "local=127.0.0.1:8080", "--certificate", "/etc/haproxy/certificates/desk.example.org.pem"];
    assert.equal(readFileSync(join(source, "haproxy.cfg"), "utf8"), printConfig(options));
    const said = spawnSync("haproxy", ["-c", "-f", join(source, "haproxy.cfg")], { encoding: "utf8" });
    // Its certificate is not on this machine: nothing else may be wrong.
    const lines = said.stderr.split("\n").filter((line) => /ALERT|WARNING/.test(line) && !/certificates\/desk\.example\.org\.pem|Error\(s\) found|Fatal errors/.test(line));
    assert.deepEqual(lines, []);
});

test("no word of the command line becomes a line of the configuration", () => {
    const good = { "--host": "a.example", "--node": "n=127.0.0.1:1", "--certificate": "/x.pem" };
    const bad = [
        ["--host", "a b"], ["--host", "a\nglobal"], ["--host", "a'b"], ["--host", ""], ["--node", "n=127.0.0.1"], ["--node", "=1.2.3.4:5"],
        ["--node", "n=1.2.3.4:0"], ["--node", "n=1.2.3.4:70000"], ["--node", "n=a b:80"], ["--node", "n n=a:80"], ["--node", "n=[::g]:80"],
        ["--node", `${"n".repeat(33)}=a:80`], ["--certificate", "x.pem"], ["--certificate", "/x y.pem"], ["--certificate", "/x\n.pem"],
        ["--bind", "127.0.0.1 ssl"], ["--http-port", "x"], ["--api-rate", "0"], ["--connect-timeout", "0"], ["--connect-timeout", "3s"], ["--run-directory", "run"],
    ];
    for (const [name, value] of bad) {
        const words = Object.entries({ ...good, [name]: value }).flat();
        const done = spawnSync(join(process.env.PROGRAMS, "bin/sandboxctl"), ["haproxy-config", ...words], { encoding: "utf8", env: {} });
        assert.equal(done.status, 2, `${name} ${value}: ${done.stdout}`);
        assert.equal(done.stdout, "");
    }
    const twice = ["--node", "n=a:1", "--node", "n=b:2", "--host", "a", "--certificate", "/x.pem"];
    assert.throws(() => execFileSync(join(process.env.PROGRAMS, "bin/sandboxctl"), ["haproxy-config", ...twice], { stdio: "pipe" }));
    assert.match(printConfig(["--host", "a.example", "--node", "six=[2001:db8::1]:80", "--node", "n=b:2", "--certificate", "/x.pem"]), /server six \[2001:db8::1\]:80 cookie six/);
});

test("HTTP is sent to HTTPS, without its query", { skip }, async () => {
    const ask = (host) =>
        new Promise((resolve, reject) =>
            requestHttp({ port: edge.httpPort, host: "127.0.0.1", path: "/some/page?ticket=secret", headers: { host } }, resolve).on("error", reject).end(),
        );
    for (const host of [HOST, "evil.example"]) {
        const answer = await ask(host);
        answer.resume();
        assert.equal(answer.statusCode, 308);
        assert.equal(answer.headers.location, `${edge.url}/some/page`);
    }
});

test("certbot's answers pass, and nothing else of it", { skip }, async () => {
    const asked = [];
    const certbot = createServer((request, answer) => asked.push(`${request.method} ${request.url}`) && answer.end("token.thumbprint"));
    const ask = (path) =>
        new Promise((resolve, reject) =>
            requestHttp({ port: edge.httpPort, host: "127.0.0.1", path, headers: { host: HOST } }, (answer) => answer.resume() && resolve(answer.statusCode)).on("error", reject).end(),
        );
    const good = "/.well-known/acme-challenge/LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0";
    assert.equal(await ask(good), 503); // nobody is there
    await once(certbot.listen(edge.acmePort, "127.0.0.1"), "listening");
    assert.equal(await ask(good), 200);
    for (const path of ["/.well-known/acme-challenge/", "/.well-known/acme-challenge/a/b", "/.well-known/acme-challenge/..", "/.well-known/acme-challenge/%2e%2e", `/x${good}`])
        assert.equal(await ask(path), 308, path);
    assert.deepEqual(asked, [`GET ${good}`]);
    certbot.close();
});

test("near nodes are asked again soon, far ones get time", () => {
    const printed = (...options) => printConfig(["--host", "a.example", "--certificate", "/x.pem", ...options]);
    const patience = (text) => ["connect", "check"].map((name) => new RegExp(`^ {4}timeout ${name} (\\d+)ms$`, "m").exec(text)?.[1]).concat(/^ {4}retries (\d+)$/m.exec(text)[1]);
    for (const near of ["127.0.0.1:80", "127.1.2.3:80", "[::1]:80", "localhost:80"]) assert.deepEqual(patience(printed("--node", `n=${near}`)), ["100", undefined, "30"], near);
    for (const far of ["10.0.0.1:80", "127.example.org:80", "localhost.example.org:80", "[2001:db8::1]:80"])
        assert.deepEqual(patience(printed("--node", "m=127.0.0.1:80", "--node", `n=${far}`)), ["3000", "3000", "3"], far);
    assert.deepEqual(patience(printed("--node", "n=10.0.0.1:80", "--connect-timeout", "500")), ["500", undefined, "6"]);
});

test("TLS 1.3 and nothing older", { skip }, async () => {
    const outcome = (options) =>
        new Promise((resolve) => {
            const socket = edge.tls(options);
            socket.once("secureConnect", () => resolve(socket.getProtocol()) ?? socket.destroy()).once("error", (error) => resolve(error.code));
        });
    assert.equal(await outcome({}), "TLSv1.3");
    for (const version of ["TLSv1.2", "TLSv1.1"]) assert.notEqual(await outcome({ minVersion: version, maxVersion: version }), version);
});

test("every answer has the security headers, HAProxy's own too", { skip }, async () => {
    const client = edge.client();
    const answers = [
        await client.request("GET", "/"),
        await client.request("GET", "/api/users/me"),
        await client.request("GET", "/api/%75sers/me"),
        await client.request("GET", "/ws/nowhere/sandboxes/x/desktop"),
        await client.request("GET", "/", { headers: { host: "evil.example" } }),
    ];
    assert.deepEqual(answers.map(({ status }) => status), [200, 401, 400, 421, 421]);
    for (const { headers } of answers) {
        assert.equal(headers.get("strict-transport-security"), "max-age=63072000");
        assert.equal(headers.get("x-content-type-options"), "nosniff");
        assert.equal(headers.get("referrer-policy"), "no-referrer");
        assert.match(headers.get("content-security-policy"), /default-src '(self|none)'/);
        assert.equal(headers.get("content-security-policy").includes(","), false, "two policies");
    }
    for (const { body } of answers.slice(2)) {
        assert.match(body.type, /^urn:sandbox-server:problem:/);
        assert.match(body.request_id, /^[0-9a-f-]{36}$/);
    }
});

test("the client's address is the edge's word, never the client's", { skip }, async () => {
    const forged = { "x-forwarded-for": "203.0.113.7", forwarded: "for=203.0.113.7", "x-real-ip": "203.0.113.7" };
    assert.equal((await edge.client({ localAddress: "127.0.0.9", headers: forged }).login("nobody", "wrong password")).status, 401);
    await until("the line in the log", () => /A sign-in failed.*source="127\.0\.0\.9"/.test(server.log));
    // Who is no trusted proxy and asks the node itself is who it is.
    const status = await new Promise((resolve, reject) => {
        const body = JSON.stringify({ username: "nobody", password: "wrong password" });
        const headers = { "content-type": "application/json", "content-length": body.length, ...forged };
        requestHttp({ port: server.port, host: "127.0.0.1", localAddress: "127.0.0.10", method: "POST", path: "/api/auth/login", headers }, (answer) => {
            answer.resume();
            resolve(answer.statusCode);
        }).on("error", reject).end(body);
    });
    assert.equal(status, 401);
    await until("the line in the log", () => /A sign-in failed.*source="127\.0\.0\.10"/.test(server.log));
    assert.doesNotMatch(server.log, /203\.0\.113\.7/);
});

test("one source's wrong passwords lock out that source alone", { skip }, async () => {
    const guess = (localAddress, name) => edge.client({ localAddress }).login(name, "wrong password").then(({ status }) => status);
    const seen = [];
    // Twenty at once, and one more for each three seconds that this takes.
    while (seen.at(-1) !== 429 && seen.length < 60) seen.push(await guess("127.0.0.11", `guess${seen.length}`));
    assert.equal(seen.at(-1), 429);
    assert.ok(seen.length > 20);
    assert.equal(await guess("127.0.0.12", "guess"), 401);
});

test("the edge limits sign-ins and requests by source, whatever a path looks like", { skip }, async () => {
    const strict = await HAProxy.start({ local: server.port }, ["--api-rate", "30"]);
    try {
        const at = (localAddress) => strict.client({ localAddress });
        const login = () => at("127.0.0.2").login("nobody", "wrong password");
        for (let i = 0; i < 5; i++) assert.equal((await login()).status, 401);
        const refused = await login();
        assert.equal(refused.status, 429);
        assert.equal(refused.headers.get("retry-after"), "60");
        assert.equal(refused.body.type, "urn:sandbox-server:problem:too-many-requests");
        for (const path of ["/api/auth/%6cogin", "//api/auth/login", "/api//auth/login", "/api/auth/./login", "/api/x/../auth/login", "/api/auth/login%3f"])
            assert.equal((await at("127.0.0.2").request("POST", path, { body: {} })).status, 400, path);
        assert.notEqual((await at("127.0.0.2").request("POST", "/api/auth/LOGIN", { body: {} })).status, 401);
        assert.equal((await at("127.0.0.3").login("nobody", "wrong password")).status, 401);
        const statuses = [];
        for (let i = 0; i < 32; i++) statuses.push((await at("127.0.0.4").request("GET", "/api/users/me")).status);
        assert.deepEqual([statuses[0], statuses[29], statuses[31]], [401, 401, 429]);
        assert.equal((await at("127.0.0.4").request("GET", "/")).status, 200);
        // What was counted is not forgotten by a reload.
        await strict.reload();
        await until("the counters in the new process", async () => (await login()).status === 429);
    } finally {
        await strict.stop();
    }
});

test("one source has so many connections and no more", { skip }, async () => {
    const strict = await HAProxy.start({ local: server.port }, ["--source-connections", "5"]);
    const open = (localAddress) =>
        new Promise((resolve) => {
            const socket = strict.tls({ localAddress });
            socket.once("secureConnect", () => resolve(socket)).once("error", () => resolve(null));
        });
    try {
        const sockets = [];
        for (let i = 0; i < 5; i++) sockets.push(await open("127.0.0.5"));
        assert.ok(sockets.every(Boolean));
        assert.equal(await open("127.0.0.5"), null);
        const other = await open("127.0.0.6");
        assert.ok(other);
        for (const socket of [...sockets, other]) socket.destroy();
    } finally {
        await strict.stop();
    }
});

test("frames flow over a WebSocket in HTTP/2, and a reload under traffic loses nothing", { skip }, async () => {
    const client = await signedIn();
    const { id } = await client.startSandbox();
    const session = http2(edge);
    const viewer = await watch(session, await ticketPath(client, id));
    await viewer.binary(VIDEO);
    const wrong = [];
    let asked = 0;
    let busy = true;
    const ask = async () => {
        while (busy) {
            asked++;
            await edge.client().request("GET", "/").then(({ status }) => status === 200 || wrong.push(status), (error) => wrong.push(error.code));
        }
    };
    const traffic = Array.from({ length: 8 }, ask);
    for (let i = 0; i < 3; i++) {
        await edge.reload();
        viewer.send(Buffer.from([0x8a, 0, 0, 0])); // a key frame, through the process that was replaced
        await viewer.binary(VIDEO);
    }
    busy = false;
    await Promise.all(traffic);
    assert.deepEqual(wrong, []);
    assert.ok(asked > 50, `${asked} requests`);
    viewer.destroy();
    session.destroy();
    // Logged at its end, without its ticket.
    await until("the line in the log", () => /\/ws\/local\/sandboxes\/[0-9a-f-]+\/desktop HTTP\/2/.test(edge.log));
    assert.doesNotMatch(edge.log, /ticket=/);
    await client.request("DELETE", `/api/sandboxes/${id}`);
});

test("WebSockets go to the node of their path; an unknown one is told so, and HTTP/1.1 works as well", { skip }, async () => {
    const client = await signedIn();
    const { id } = await client.startSandbox();
    const path = await ticketPath(client, id);
    const session = http2(edge);
    const options = { protocol: SUBPROTOCOL, origin: edge.url, authority: `${HOST}:${edge.port}` };
    await assert.rejects(connectOverHttp2(session, path.replace("/ws/local/", "/ws/elsewhere/"), options), { status: 421 });
    await assert.rejects(connectOverHttp2(session, path, { ...options, origin: "https://evil.example" }), { status: 403 });
    const stream = await connectOverHttp2(session, path, options);
    stream.destroy();
    session.destroy();
    await client.request("DELETE", `/api/sandboxes/${id}`);
});

test("a drained node keeps its viewers, starts nothing and comes back", { skip }, async () => {
    const client = await signedIn();
    const { id } = await client.startSandbox();
    const session = http2(edge);
    const viewer = await watch(session, await ticketPath(client, id));
    const health = () => server.client().request("GET", "/health");
    const { pid } = server.process("sandbox-server");
    // An operator's word reaches the node through the database; a signal does the same.
    const DATABASE_URL = /(?:^|\0)DATABASE_URL=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, "utf8"))[1];
    const env = { PORT: String(server.port), DATABASE_URL };
    const ctl = (...words) => spawnSync(join(server.stateDir, "programs/bin/sandboxctl"), words, { encoding: "utf8", env });
    assert.equal(ctl("status").status, 0);
    const asked = ctl("drain");
    assert.equal(asked.status, 0, asked.stderr);
    await until("draining", async () => (await health()).status === 404);
    assert.equal((await health()).body.status, "draining");
    assert.equal(ctl("status").status, 5);
    await until("HAProxy to see it", async () => /^NOLB/.test((await edge.server("local")).status));
    const refused = await client.request("POST", "/api/sandboxes", { body: { template: "desktop" } });
    assert.equal(refused.status, 503);
    viewer.send(Buffer.from([0x8a, 0, 0, 0]));
    await viewer.binary(VIDEO);
    assert.equal(viewer.closed, null);
    // A viewer may still come back to its sandbox.
    assert.equal(server.process("sandbox-server").pid, pid);
    process.kill(pid, "SIGUSR2");
    await until("the end of it", async () => (await health()).status === 200);
    await until("HAProxy to see it", async () => /^UP/.test((await edge.server("local")).status));
    viewer.destroy();
    session.destroy();
    await client.request("DELETE", `/api/sandboxes/${id}`);
});

test("certbot's hook puts the renewed certificate into place and reloads", { skip }, async () => {
    const lineage = mkdtempSync(join(tmpdir(), "lineage-"));
    const live = join(lineage, "site");
    mkdirSync(live);
    makeCertificate(live, 30);
    // The hook names files after the lineage; HAProxy's configuration here names site.pem in its own directory.
    const env = { ...process.env, RENEWED_LINEAGE: live, HAPROXY_CERTIFICATES: edge.directory, HAPROXY_CONFIG: edge.file, HAPROXY_RELOAD: `kill -USR2 ${edge.child.pid}` };
    const hook = (more = {}) => spawnSync(join(source, "certbot-deploy-hook"), { encoding: "utf8", env: { ...env, ...more } });
    const served = () =>
        new Promise((resolve) => {
            const socket = edge.tls({ rejectUnauthorized: false });
            socket.once("secureConnect", () => resolve(socket.getPeerCertificate().fingerprint256) ?? socket.destroy()).once("error", () => resolve(null));
        });
    const old = await served();
    const done = hook();
    assert.equal(done.status, 0, done.stderr);
    assert.equal(statSync(edge.pem).mode & 0o777, 0o600);
    assert.equal(statSync(join(edge.directory, "site.crt")).mode & 0o777, 0o644);
    assert.doesNotMatch(readFileSync(join(edge.directory, "site.crt"), "utf8"), /PRIVATE/);
    await until("the new certificate", async () => ![old, null].includes(await served()));
    edge.ca = readFileSync(join(live, "fullchain.pem"));
    // A key of another certificate changes nothing.
    const before = readFileSync(edge.pem, "utf8");
    const other = join(lineage, "other");
    mkdirSync(other);
    makeCertificate(other);
    writeFileSync(join(live, "privkey.pem"), readFileSync(join(other, "privkey.pem")));
    assert.equal(hook().status, 1);
    assert.equal(readFileSync(edge.pem, "utf8"), before);
    rmSync(lineage, { recursive: true });
});

test("statistics and metrics are for this machine alone", { skip }, async () => {
    const text = await (await fetch(`http://127.0.0.1:${edge.statusPort}/metrics`)).text();
    assert.match(text, /^haproxy_server_status\{proxy="nodes",server="local",state="UP"\} 1$/m); // as the alert asks
    for (const path of ["/metrics", "/stats"]) assert.notEqual((await edge.client().request("GET", path)).status, 200, path);
    const listening = readFileSync("/proc/net/tcp", "utf8");
    const hex = edge.statusPort.toString(16).toUpperCase().padStart(4, "0");
    assert.match(listening, new RegExp(`0100007F:${hex} `));
    assert.doesNotMatch(listening, new RegExp(`00000000:${hex} `));
});
