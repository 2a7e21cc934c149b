// Sign-in over HTTP: every trap of tokens and cookies.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { freePort, startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

let server;
let admin;
let key;
let metricsPort;
before(async () => {
    metricsPort = await freePort();
    server = await startServer({ env: { METRICS_PORT: String(metricsPort) } });
    admin = await server.adminClient();
    const secrets = readFileSync(join(server.stateDir, "secrets.env"), "utf8");
    key = Buffer.from(/JWT_SECRET="?([0-9a-f]+)/i.exec(secrets)[1], "hex");
});
after(() => server.stop());

const encode = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const decode = (part) => JSON.parse(Buffer.from(part, "base64url"));

function sign(header, claims, secret = key) {
    const text = `${encode(header)}.${encode(claims)}`;
    return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

async function statusWith(token) {
    return (await admin.request("GET", "/api/users/me", { token })).status;
}

test("wrong password, unknown user: the same answer", async () => {
    const answers = [await server.client().login("admin", "wrong password"), await server.client().login("nobody", "wrong password")];
    for (const { status, body } of answers) {
        assert.equal(status, 401);
        assert.equal(body.type, "urn:sandbox-server:problem:sign-in-failed");
    }
    assert.equal(answers[0].body.detail, answers[1].body.detail);
});

const bodies = {
    "no JSON": "{",
    "an array": "[]",
    "a number for a name": '{"username":1,"password":"x"}',
    "null for a password": '{"username":"admin","password":null}',
    "an unknown field": '{"username":"admin","password":"x","role":"admin"}',
    "a field twice": '{"username":"admin","username":"admin","password":"x"}',
    "a missing field": '{"username":"admin"}',
    "an empty name": '{"username":"","password":"x"}',
    "a name that is too long": JSON.stringify({ username: "a".repeat(65), password: "x" }),
    "a password that is too long": JSON.stringify({ username: "admin", password: "a".repeat(1025) }),
    "a NUL": '{"username":"admin\\u0000","password":"x"}',
    "wrong UTF-8": Buffer.from('{"username":"\xff","password":"x"}', "latin1"),
};
for (const [name, body] of Object.entries(bodies)) {
    test(`a body with ${name} is refused`, async () => {
        const answer = await server.client().request("POST", "/api/auth/login", { body });
        assert.equal(answer.status, 400);
        assert.ok(answer.body.detail.length > 10);
    });
}

test("JSON is asked for by its media type", async () => {
    const answer = await server.client().request("POST", "/api/auth/login", { body: "{}", headers: { "content-type": "text/plain" } });
    assert.equal(answer.status, 400);
});

test("access tokens: nothing but ours, in time, unchanged", async () => {
    const [header, claims] = admin.token.split(".").slice(0, 2).map(decode);
    assert.equal(await statusWith(sign(header, claims)), 200, "the test signs as the server does");
    const now = Math.floor(Date.now() / 1000);
    const wrong = {
        "alg none": `${encode({ ...header, alg: "none" })}.${encode(claims)}.`,
        "alg none with the signature": `${encode({ ...header, alg: "none" })}.${admin.token.split(".").slice(1).join(".")}`,
        "lower-case alg": sign({ ...header, alg: "hs256" }, claims),
        "another algorithm's name": sign({ ...header, alg: "RS256" }, claims),
        "another key": sign(header, claims, Buffer.alloc(32, 7)),
        "an empty key": sign(header, claims, Buffer.alloc(0)),
        "another kid": sign({ ...header, kid: "00000000" }, claims),
        "no kid": sign({ alg: header.alg, typ: header.typ }, claims),
        expired: sign(header, { ...claims, exp: now - 1 }),
        "no exp": sign(header, { ...claims, exp: undefined }),
        "exp as text": sign(header, { ...claims, exp: String(now + 100) }),
        "not yet valid": sign(header, { ...claims, nbf: now + 600 }),
        "another audience": sign(header, { ...claims, aud: "other" }),
        "another issuer": sign(header, { ...claims, iss: "other" }),
        "another account": sign(header, { ...claims, sub: "01975fe0-0000-7000-8000-000000000001" }),
        "an unknown sign-in": sign(header, { ...claims, sid: "01975fe0-0000-7000-8000-000000000001" }),
        "no sub": sign(header, { ...claims, sub: undefined }),
        "a claim twice": sign(header, JSON.stringify(claims).replace("{", '{"role":"user",')),
        truncated: admin.token.slice(0, -1),
        "one part": admin.token.split(".")[0],
        "four parts": `${admin.token}.x`,
        empty: "",
        garbage: "x".repeat(1000),
    };
    for (const [name, token] of Object.entries(wrong))
        assert.equal(await statusWith(token), 401, name);
    assert.equal(await statusWith(admin.token), 200);
});

test("the refresh cookie is for this purpose alone", async () => {
    const client = server.client();
    const { cookies } = await client.login("admin", server.adminPassword);
    for (const attribute of ["Secure", "HttpOnly", "SameSite=Strict", "Path=/api/auth"])
        assert.ok(cookies[0].includes(attribute), attribute);
});

test("a refresh token is replaced; used again after its successor it ends the sign-in", async () => {
    const client = server.client();
    await client.login("admin", server.adminPassword);
    const first = client.cookie;
    assert.equal((await client.refresh()).status, 200);
    const second = client.cookie;
    assert.notEqual(second, first);
    assert.equal((await client.refresh()).status, 200);
    assert.equal((await server.client().refresh(first)).status, 401);
    assert.equal((await client.refresh()).status, 401, "the family is revoked");
    assert.equal((await client.request("GET", "/api/users/me")).status, 401, "its access tokens too");
});

test("an honest double submit gets the same successor", async () => {
    const client = server.client();
    await client.login("admin", server.adminPassword);
    const cookie = client.cookie;
    const [a, b] = [server.client(), server.client()];
    const answers = await Promise.all([a.refresh(cookie), b.refresh(cookie)]);
    assert.deepEqual(answers.map((answer) => answer.status), [200, 200]);
    assert.equal(a.cookie, b.cookie);
});

test("refresh without, with a wrong and with a doubled cookie", async () => {
    const client = server.client();
    assert.equal((await client.refresh()).status, 401);
    assert.equal((await client.refresh("x")).status, 401);
    assert.equal((await client.refresh("A".repeat(43))).status, 401);
    await client.login("admin", server.adminPassword);
    const doubled = { cookie: `refresh_token=${client.cookie}; refresh_token=${client.cookie}` };
    assert.equal((await client.request("POST", "/api/auth/refresh", { token: null, headers: doubled })).status, 401);
});

test("logout ends the sign-in at once", async () => {
    const client = server.client();
    await client.login("admin", server.adminPassword);
    const cookie = client.cookie;
    assert.equal((await client.logout()).status, 204);
    assert.equal((await client.request("GET", "/api/users/me")).status, 401);
    assert.equal((await client.refresh(cookie)).status, 401);
    assert.equal((await server.client().logout()).status, 204, "without a cookie it does nothing");
});

test("a foreign page can change nothing", async () => {
    for (const path of ["/api/auth/login", "/api/auth/refresh", "/api/auth/logout", "/api/sandboxes"]) {
        for (const origin of ["https://evil.example", "null", server.url.replace(/:\d+$/, ":1")]) {
            const body = /refresh|logout/.test(path) ? undefined : {};
            const answer = await admin.request("POST", path, { body, headers: { origin } });
            assert.equal(answer.status, 403, `${path} from ${origin}`);
        }
    }
    const own = await admin.request("POST", "/api/auth/logout", { token: null, headers: { origin: server.url } });
    assert.equal(own.status, 204);
});

// From an address of this machine: fetch can't choose one.
function sendLogin(localAddress, username, password) {
    const body = JSON.stringify({ username, password });
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request({ host: "127.0.0.1", port: server.port, localAddress, method: "POST", path: "/api/auth/login", headers, agent: false });
    sent.end(body);
    return sent;
}

async function loginFrom(...words) {
    const [answer] = await once(sendLogin(...words), "response");
    answer.resume();
    return { status: answer.statusCode, wait: Number(answer.headers["retry-after"] ?? 0) };
}

const slowed = async () => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    return Number(/^sandbox_server_limits_hit_total\{limit="slow_sign_ins"\} (\d+)$/m.exec(text)[1]);
};

test("too many wrong passwords: 429 says when to come back; the name stays open to its owner elsewhere", async () => {
    let answer;
    for (let i = 0; i < 60 && answer?.status !== 429; i++) answer = await loginFrom("127.0.0.21", "Admin", "wrong password");
    assert.equal(answer.status, 429);
    assert.ok(answer.wait >= 1);
    assert.equal((await loginFrom("127.0.0.22", "ADMIN", server.adminPassword)).status, 200);
});

test("a name at which many sources guess gets slow, and never shut", async () => {
    const statuses = new Set();
    // Two at a time, as many as hash passwords; a source is refused after ten.
    for (let i = 0; i < 120 && (await slowed()) === 0; i++) {
        const address = `127.0.0.${30 + i}`;
        for (const { status } of await Promise.all([0, 1].map(() => loginFrom(address, "admin", "wrong password")))) statuses.add(status);
    }
    assert.deepEqual([...statuses], [401]);
    assert.ok((await slowed()) > 0, "no guess was slowed");
    assert.equal((await loginFrom("127.0.0.150", "admin", server.adminPassword)).status, 200);
    const before = await slowed();
    assert.equal((await loginFrom("127.0.0.151", "nobody", "wrong password")).status, 401);
    assert.equal(await slowed(), before, "another name is not touched");
});

test("guessers who hang up leave the way free", async () => {
    const before = await slowed();
    const sent = Array.from({ length: 70 }, (_, i) => sendLogin(`127.0.0.${160 + i}`, "admin", "wrong password").on("error", () => {}));
    // More than are held back at once: the rest is told to come again, in a moment.
    await until("all of them", async () => (await slowed()) >= before + 65);
    for (const one of sent) one.destroy();
    await until("room", async () => (await loginFrom("127.0.0.240", "admin", server.adminPassword)).status === 200);
});

test("a new key: what the one before has signed is good until it expires, or as long as that key is named", async () => {
    const client = await server.adminClient();
    const file = join(server.stateDir, "secrets.env");
    const text = readFileSync(file, "utf8");
    const fresh = "8f1d3b7a90c2e45617283a4b5c6d7e8f9012a3b4c5d6e7f8091a2b3c4d5e6f70";
    const me = (token) => client.request("GET", "/api/users/me", { token }).then(({ status }) => status);
    const begin = async (secrets) => {
        writeFileSync(file, secrets);
        const { pid } = server.kill("sandbox-server", "SIGTERM");
        await until("another sandbox-server", async () => {
            const found = server.processes("sandbox-server");
            if (found.length !== 1 || found[0].pid === pid) return false;
            return (await client.request("GET", "/ready").catch(() => null))?.status === 200;
        });
    };
    const old = client.token;
    await begin(`JWT_SECRET=${fresh}\nJWT_SECRET_PREVIOUS=${key.toString("hex")}\n`);
    assert.equal(await me(old), 200);
    assert.equal((await client.refresh()).status, 200);
    assert.notEqual(decode(client.token.split(".")[0]).kid, decode(old.split(".")[0]).kid);
    assert.equal(await me(client.token), 200);
    await begin(`JWT_SECRET=${fresh}\n`);
    assert.equal(await me(old), 401);
    assert.equal(await me(client.token), 200);
    await begin(text);
});
