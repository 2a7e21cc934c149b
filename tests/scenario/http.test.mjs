// Wrong HTTP is answered or closed, and the process goes on.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";

import { exchangeRaw, request } from "../harness/http_raw.mjs";
import { startServer } from "../harness/server.mjs";

let server;
let pid;
before(async () => {
    server = await startServer();
    pid = server.process("sandbox-server").pid;
});
after(async () => {
    await server.stop();
});

const JSON_TYPE = { "Content-Type": "application/json" };
const raw = (bytes, options) => exchangeRaw(server.url, bytes, options);

const malformed = {
    "binary garbage": Buffer.from([0, 255, 22, 3, 1, 2, 0, 13, 10, 13, 10]),
    "a TLS hello": Buffer.from("160301020001000001fc0303", "hex"),
    "an unknown method": request("BREW /health"),
    "HTTP/2 without negotiation": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    CONNECT: request("CONNECT localhost:1"),
    "an absolute target": request("GET http://localhost/health"),
    "a broken escape": request("GET /%zz"),
    "a NUL in the path": request("GET /hea%00lth"),
    "a long header": request("GET /health", { "X-Long": "a".repeat(20000) }),
    "a long path": request(`GET /${"a".repeat(20000)}`),
    "many headers": request("GET /health", Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`X-${i}`, "a"]))),
    "an unknown upgrade": request("GET /health", { Connection: "Upgrade", Upgrade: "other" }),
    h2c: request("GET /health", { Connection: "Upgrade, HTTP2-Settings", Upgrade: "h2c", "HTTP2-Settings": "AAMAAABk" }),
};
for (const [name, bytes] of Object.entries(malformed)) {
    test(`${name} is refused`, async () => {
        const { statuses, closed } = await raw(bytes);
        assert.ok(statuses.length <= 1 && statuses.every((status) => status >= 400), `${statuses}`);
        assert.ok(closed, "the connection stays open");
    });
}

const lengths = {
    "Transfer-Encoding": [411, { "Transfer-Encoding": "chunked" }, '5\r\n{"a":\r\n0\r\n\r\n'],
    "Transfer-Encoding and Content-Length": [411, { "Transfer-Encoding": "chunked", "Content-Length": "4" }, "0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n"],
    "a negative length": [400, { "Content-Length": "-4" }, "{}"],
    "a length that is no number": [400, { "Content-Length": "2x" }, "{}"],
    "a length over every bound": [400, { "Content-Length": "99999999999999999999" }, "{}"],
    "a body that is too large": [413, { "Content-Length": "20000" }, "a".repeat(20000)],
    "a body that is far too large": [413, { "Content-Length": "5000000" }, "a".repeat(5000000)],
    "no length": [400, {}, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"],
};
for (const [name, [status, headers, body]] of Object.entries(lengths)) {
    test(`${name}: ${status}, and nothing after it is taken for a request`, async () => {
        const { statuses, closed } = await raw(request("POST /api/auth/login", { ...JSON_TYPE, ...headers }, body));
        assert.deepEqual(statuses, [status]);
        assert.ok(closed);
    });
}

test("an overlong path: nothing after it is taken for a request", async () => {
    const path = `/${"a".repeat(600)}`;
    for (const [status, line, headers, body] of [
        [411, `GET ${path}`, { "Transfer-Encoding": "chunked" }, "0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n"],
        [404, `POST ${path}`, { "Content-Length": "4" }, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"],
        [404, `POST ${path}`, {}, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"],
    ]) {
        const { statuses, closed } = await raw(request(line, headers, body));
        assert.deepEqual(statuses, [status], line.slice(0, 4));
        assert.ok(closed);
    }
});

test("two lengths are refused", async () => {
    const { statuses } = await raw("POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde");
    assert.deepEqual(statuses, [400]);
});

test("HTTP/1.1 without Host is refused", async () => {
    assert.deepEqual((await raw("GET /health HTTP/1.1\r\n\r\n")).statuses, [400]);
});

test("pipelined requests are answered in order, also behind a slow one", async () => {
    const body = '{"username":"nobody","password":"wrong password"}';
    const { statuses } = await raw(
        request("POST /api/auth/login", { ...JSON_TYPE, "Content-Length": body.length }, body) +
            request("GET /health") +
            request("GET /nothing", { Connection: "close" }),
        { quietMs: 3000 },
    );
    assert.deepEqual(statuses, [401, 200, 404]);
});

test("a body in single bytes arrives", async () => {
    const body = '{"username":"nobody","password":"wrong password"}';
    const head = request("POST /api/auth/login", { ...JSON_TYPE, "Content-Length": body.length });
    const { statuses } = await raw([head, ...body], { quietMs: 3000 });
    assert.deepEqual(statuses, [401]);
});

test("a connection that sends nothing, or half a request, is closed in time", async () => {
    const results = await Promise.all([raw("", { timeoutMs: 25000 }), raw("GET /hea", { timeoutMs: 25000 })]);
    for (const { closed } of results) assert.ok(closed);
});

test("as many silent connections as there may be keep nobody out", async () => {
    const { hostname, port } = new URL(server.url);
    const silent = Array.from({ length: 1024 }, () => connect(Number(port), hostname).on("error", () => {}));
    await Promise.all(silent.map((socket) => once(socket, "connect")));
    for (let i = 0; i < 5; i++) {
        const answer = await fetch(`${server.url}/health`, { headers: { connection: "close" }, signal: AbortSignal.timeout(2000) });
        assert.equal(answer.status, 200);
    }
    silent.forEach((socket) => socket.destroy());
});

test("every answer carries the security headers, those to unreadable requests too", async () => {
    for (const bytes of [request("GET /"), request("GET /health"), request("GET /nothing"), request("BREW /")]) {
        const { text } = await raw(bytes);
        for (const header of ["content-security-policy", "x-content-type-options", "referrer-policy", "cross-origin-opener-policy",
            "cross-origin-embedder-policy", "cross-origin-resource-policy", "permissions-policy"])
            assert.ok(text.toLowerCase().includes(`\r\n${header}:`), `${header} is missing: ${text.slice(0, 200)}`);
    }
});

test("methods: HEAD has no body, a wrong one is told the right ones", async () => {
    const head = await raw(request("HEAD /health", { Connection: "close" }));
    assert.deepEqual(head.statuses, [200]);
    assert.ok(head.text.endsWith("\r\n\r\n"));
    const wrong = await raw(request("PUT /api/sandboxes"));
    assert.deepEqual(wrong.statuses, [405]);
    assert.match(wrong.text, /\r\nAllow: GET, HEAD, POST\r\n/);
});

test("the client's files: an address of the client gives the page, a tag saves the bytes, nothing leaves the directory", async () => {
    const page = await fetch(`${server.url}/sign-in`);
    assert.equal(page.status, 200);
    assert.match(page.headers.get("content-type"), /^text\/html/);
    const again = await fetch(`${server.url}/`, { headers: { "if-none-match": page.headers.get("etag") } });
    assert.equal(again.status, 304);
    const unknown = await fetch(`${server.url}/nothing`, { headers: { accept: "text/html,*/*" } });
    assert.equal(unknown.status, 404);
    assert.equal(await unknown.text(), await page.text(), "a person gets the client's page for what is not there");
    for (const path of ["/api/nothing", "/assets/nothing.js"])
        assert.match((await fetch(server.url + path, { headers: { accept: "text/html" } })).headers.get("content-type"), /problem/);
    for (const path of ["/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/.git/config", "//etc/passwd"])
        assert.deepEqual((await raw(request(`GET ${path}`))).statuses, [404], path);
});

test("all of this was one process", () => {
    assert.equal(server.process("sandbox-server").pid, pid, "sandbox-server was started again");
});
