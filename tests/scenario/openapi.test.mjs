// docs/openapi.yaml against the running server: each answer has a documented status and exactly its schema.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { parse } from "yaml";

import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";
import { WebSocketClient } from "../harness/websocket.mjs";

const document = parse(readFileSync(new URL("../../docs/openapi.yaml", import.meta.url), "utf8"));
const ajv = new Ajv2020({ strict: false, allErrors: true });
(addFormats.default ?? addFormats)(ajv);
ajv.addSchema(document, "openapi");

const resolve = (object) => (object.$ref ? object.$ref.slice(2).split("/").reduce((at, part) => at[part], document) : object);

const seen = new Set();

// Asks, and holds the answer against the document.
async function ask(client, method, path, template, options = {}) {
    const answer = await client.request(method, path, options);
    const operation = document.paths[template][method.toLowerCase()];
    const response = operation.responses[answer.status];
    assert.ok(response, `${method} ${template}: ${answer.status} is not documented: ${answer.text}`);
    seen.add(`${method} ${template} ${answer.status}`);
    const content = resolve(response).content;
    if (!content) {
        assert.equal(answer.text, "");
        return answer;
    }
    const [[type, { schema }]] = Object.entries(content);
    assert.equal(answer.headers.get("content-type"), type);
    const validate = ajv.compile({ ...JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/')) });
    assert.ok(validate(answer.body), `${method} ${template}: ${ajv.errorsText(validate.errors)}\n${answer.text}`);
    return answer;
}

let server;
let admin;
before(async () => {
    server = await startServer({ env: { SANDBOX_MAX_PER_USER: "1", RECORDING: "allowed" } });
    admin = await server.adminClient();
});
after(() => server.stop());

const NOBODY = "01975fe0-0000-7000-8000-000000000001";

test("health and readiness", async () => {
    const health = await ask(server.client(), "GET", "/health", "/health");
    assert.ok(health.body.layers.length > 10);
    assert.ok(health.body.pool.memory_mb > 0);
    assert.equal(health.body.pool.foundation_refused, "");
    await ask(server.client(), "GET", "/ready", "/ready");
    const { pid } = server.process("sandbox-server");
    process.kill(pid, "SIGUSR1");
    await until("draining", async () => (await ask(server.client(), "GET", "/health", "/health")).status === 404);
    process.kill(pid, "SIGUSR2");
    await until("the end of it", async () => (await ask(server.client(), "GET", "/health", "/health")).status === 200);
});

test("accounts", async () => {
    const client = server.client();
    const login = (body) => ask(client, "POST", "/api/auth/login", "/api/auth/login", { body });
    await login({ username: "admin", password: server.adminPassword });
    await login({ username: "admin" });
    await login({ username: "admin", password: "wrong password" });
    await login("x".repeat(20000));
    await ask(client, "POST", "/api/auth/login", "/api/auth/login", { body: {}, headers: { origin: "https://evil.example" } });
    for (let i = 0; i < 11; i++) await login({ username: "guessed", password: "wrong password" });
    await ask(client, "POST", "/api/auth/refresh", "/api/auth/refresh");
    await ask(client, "POST", "/api/auth/refresh", "/api/auth/refresh", { headers: { origin: "https://evil.example" } });
    await client.login("admin", server.adminPassword);
    await ask(client, "POST", "/api/auth/refresh", "/api/auth/refresh", { cookie: client.cookie });
    await ask(client, "POST", "/api/auth/logout", "/api/auth/logout");
    await ask(client, "POST", "/api/auth/logout", "/api/auth/logout", { headers: { origin: "https://evil.example" } });
    await ask(admin, "GET", "/api/users/me", "/api/users/me");
    await ask(admin, "GET", "/api/users/me", "/api/users/me", { token: "x" });
    await ask(admin, "GET", "/api/templates", "/api/templates");
    await ask(admin, "GET", "/api/templates", "/api/templates", { token: null });
});

test("sandboxes", async () => {
    const create = (options) => ask(admin, "POST", "/api/sandboxes", "/api/sandboxes", { body: { template: "desktop" }, ...options });
    const headers = { "idempotency-key": "once" };
    const first = await create({ headers });
    assert.equal(first.status, 201);
    assert.equal((await create({ headers })).body.id, first.body.id, "the same key: the same sandbox");
    assert.equal((await create()).status, 409);
    assert.equal((await create({ body: { template: "none" } })).status, 400);
    assert.equal((await create({ body: { template: "desktop", memory_mb: 1 } })).status, 400);
    assert.equal((await create({ body: { template: "desktop", limits: { memory_mb: 1 } } })).status, 422);
    assert.equal((await create({ headers: { "idempotency-key": "x".repeat(65) } })).status, 400);
    assert.equal((await create({ headers: { origin: "https://evil.example" } })).status, 403);
    assert.equal((await create({ token: "x" })).status, 401);
    assert.equal((await create({ body: "x".repeat(20000) })).status, 413);

    const one = (method, id, options) => ask(admin, method, `/api/sandboxes/${id}`, "/api/sandboxes/{id}", options);
    await one("GET", first.body.id);
    await one("GET", NOBODY);
    await one("GET", NOBODY, { token: "x" });

    const change = (body, options) => one("PATCH", first.body.id, { body, ...options });
    assert.equal((await change({ limits: { pids: 100 }, network: { mode: "allow", rules: ["example.org", { to: "api.example.org:80", header: { name: "X-Key", value: "secret" } }] } })).status, 200);
    assert.deepEqual((await one("GET", first.body.id)).body.network.rules[1], { to: "api.example.org:80", header: { name: "X-Key", value: null } });
    assert.equal((await change({ network: { mode: "some" } })).status, 422);
    assert.equal((await change({ other: 1 })).status, 400);
    assert.equal((await change({}, { token: "x" })).status, 401);
    assert.equal((await change({}, { headers: { origin: "https://evil.example" } })).status, 403);
    assert.equal((await change("x".repeat(20000))).status, 413);
    assert.equal((await one("PATCH", NOBODY, { body: {} })).status, 404);

    const ticket = (id, options) => ask(admin, "POST", `/api/sandboxes/${id}/ticket`, "/api/sandboxes/{id}/ticket", { body: {}, ...options });
    assert.equal((await ticket(first.body.id)).status, 201);
    assert.equal((await ticket(first.body.id, { body: { access: "own" } })).status, 400);
    assert.equal((await ticket(first.body.id, { body: "x".repeat(20000) })).status, 413);
    assert.equal((await ticket(NOBODY)).status, 404);
    assert.equal((await ticket(first.body.id, { token: "x" })).status, 401);
    assert.equal((await ticket(first.body.id, { headers: { origin: "https://evil.example" } })).status, 403);

    const shares = (method, options, id = first.body.id) => ask(admin, method, `/api/sandboxes/${id}/shares`, "/api/sandboxes/{id}/shares", options);
    const view = { body: { access: "view" } };
    const link = await shares("POST", { body: { access: "view", label: "Ann", expires_in: 60 } });
    assert.equal(link.status, 201);
    assert.equal((await shares("POST", { body: {} })).status, 400);
    assert.equal((await shares("POST", { body: { access: "view", expires_in: 1 } })).status, 422);
    assert.equal((await shares("POST", { body: "x".repeat(20000) })).status, 413);
    assert.equal((await shares("POST", { ...view, headers: { origin: "https://evil.example" } })).status, 403);
    assert.equal((await shares("POST", { ...view, token: "x" })).status, 401);
    assert.equal((await shares("POST", view, NOBODY)).status, 404);
    assert.equal((await shares("GET")).body.items.length, 1);
    assert.equal((await shares("GET", {}, NOBODY)).status, 404);
    assert.equal((await shares("GET", { token: "x" })).status, 401);

    for (let i = 1; i < 16; i++) assert.equal((await shares("POST", view)).status, 201);
    assert.equal((await shares("POST", view)).status, 409);

    const guest = (body, options) => ask(server.client(), "POST", "/api/shares/ticket", "/api/shares/ticket", { body, ...options });
    assert.equal((await guest({ token: link.body.path.split("#")[1] })).status, 201);
    assert.equal((await guest({ token: "x" })).status, 404);
    assert.equal((await guest({})).status, 400);
    assert.equal((await guest("x".repeat(20000))).status, 413);
    assert.equal((await guest({ token: "x" }, { headers: { origin: "https://evil.example" } })).status, 403);
    for (let i = 0; i < 20; i++) await guest({ token: "x" });
    assert.equal((await guest({ token: "x" })).status, 429);

    const viewers = (method, viewer, options, id = first.body.id) => ask(admin, method, `/api/sandboxes/${id}/viewers${viewer}`, `/api/sandboxes/{id}/viewers${viewer && "/{viewer}"}`, options);
    const { body: mine } = await ticket(first.body.id);
    const window = await WebSocketClient.open(server.url, mine.path);
    const { items } = (await until("the window", async () => { const answer = await viewers("GET", ""); return answer.body.items.length && answer; })).body;
    assert.equal((await viewers("DELETE", `/${items[0].id}`, { headers: { origin: "https://evil.example" } })).status, 403);
    assert.equal((await viewers("DELETE", `/${items[0].id}`, { token: "x" })).status, 401);
    assert.equal((await viewers("DELETE", `/${items[0].id}`)).status, 204);
    assert.equal((await viewers("DELETE", `/${items[0].id}`)).status, 404);
    assert.equal((await viewers("GET", "", { token: "x" })).status, 401);
    assert.equal((await viewers("GET", "", {}, NOBODY)).status, 404);
    window.destroy();

    const oneShare = (method, options, id = link.body.id) => ask(admin, method, `/api/sandboxes/${first.body.id}/shares/${id}`, "/api/sandboxes/{id}/shares/{share}", options);
    assert.equal((await oneShare("PATCH", { body: { access: "control" } })).body.access, "control");
    assert.equal((await oneShare("PATCH", { body: {} })).status, 400);
    assert.equal((await oneShare("PATCH", { body: "x".repeat(20000) })).status, 413);
    assert.equal((await oneShare("PATCH", { ...view, headers: { origin: "https://evil.example" } })).status, 403);
    assert.equal((await oneShare("PATCH", { ...view, token: "x" })).status, 401);
    assert.equal((await oneShare("PATCH", view, NOBODY)).status, 404);
    assert.equal((await oneShare("DELETE", { headers: { origin: "https://evil.example" } })).status, 403);
    assert.equal((await oneShare("DELETE", { token: "x" })).status, 401);
    assert.equal((await oneShare("DELETE")).status, 204);
    assert.equal((await oneShare("DELETE")).status, 404);

    const evil = { headers: { origin: "https://evil.example" } };
    const recording = (method, options, id = first.body.id) => ask(admin, method, `/api/sandboxes/${id}/recording`, "/api/sandboxes/{id}/recording", options);
    for (const method of ["POST", "DELETE"]) {
        assert.equal((await recording(method, { token: "x" })).status, 401);
        assert.equal((await recording(method, evil)).status, 403);
        assert.equal((await recording(method, {}, NOBODY)).status, 404);
    }
    assert.equal((await recording("POST")).status, 204);
    const list = (options) => ask(admin, "GET", "/api/recordings", "/api/recordings", options);
    assert.equal((await list({ token: "x" })).status, 401);
    const [{ id: recorded }] = await until("a recording", async () => { const { items } = (await list()).body; return items.length && items; });
    const part = (method, what, options, id = recorded) => ask(admin, method, `/api/recordings/${id}${what}`, `/api/recordings/{recording}${what}`, options);
    const film = (method, options, id) => part(method, "/mp4", options, id);
    await until("a picture", async () => (await part("GET", "/index")).text.length > 40);
    assert.equal((await film("POST")).status, 409);
    assert.equal((await part("DELETE", "")).status, 409);
    assert.equal((await recording("DELETE")).status, 204);
    assert.equal((await part("GET", "/data", { headers: { range: "bytes=0-9" } })).text.length, 10);
    assert.equal((await part("GET", "/data")).status, 400);
    assert.equal((await part("GET", "/data", { headers: { range: "bytes=0-" }, token: "x" })).status, 401);
    assert.equal((await part("GET", "/data", { headers: { range: "bytes=0-" } }, NOBODY)).status, 404);
    assert.equal((await part("GET", "/data", { headers: { range: "bytes=999999999999-" } })).status, 416);
    assert.equal((await part("GET", "/index")).status, 200);
    assert.equal((await part("GET", "/index", { token: "x" })).status, 401);
    assert.equal((await part("GET", "/index", {}, NOBODY)).status, 404);
    assert.equal((await ask(admin, "GET", "/api/recordings?limit=x", "/api/recordings")).status, 400);
    for (const method of ["GET", "POST"]) {
        assert.equal((await film(method, { token: "x" })).status, 401);
        assert.equal((await film(method, {}, NOBODY)).status, 404);
    }
    assert.equal((await film("POST", evil)).status, 403);
    const begun = await film("POST");
    assert.ok([200, 202].includes(begun.status), begun.text);
    await until("the film", async () => ["ready", "failed"].includes((await film("GET")).body.state), 60000);
    assert.equal((await film("GET")).body.state, "ready");
    assert.equal((await film("POST")).status, 200);
    const bytes = (range, options = {}, id) => part("GET", "/mp4/data", { ...options, headers: range ? { range } : {} }, id);
    assert.equal((await bytes("bytes=4-7")).text, "ftyp");
    assert.equal((await bytes()).status, 400);
    assert.equal((await bytes("bytes=0-", { token: "x" })).status, 401);
    assert.equal((await bytes("bytes=0-", {}, NOBODY)).status, 404);
    assert.equal((await bytes("bytes=999999999999-")).status, 416);
    assert.equal((await part("DELETE", "", evil)).status, 403);
    assert.equal((await part("DELETE", "", { token: "x" })).status, 401);
    assert.equal((await part("DELETE", "")).status, 204);
    assert.equal((await part("DELETE", "")).status, 404);

    assert.equal((await one("DELETE", first.body.id, { headers: { origin: "https://evil.example" } })).status, 403);
    assert.equal((await one("DELETE", NOBODY)).status, 404);
    assert.equal((await one("DELETE", first.body.id, { token: "x" })).status, 401);
    assert.equal((await one("DELETE", first.body.id)).body.state, "ended");
    assert.equal((await one("DELETE", first.body.id)).body.state, "ended", "again: no change");
    await until("its row", async () => (await viewers("GET", "")).status === 409);
    assert.equal((await viewers("DELETE", `/${NOBODY}`)).status, 409);
    assert.equal((await recording("POST")).status, 409);
    assert.equal((await recording("DELETE")).status, 409);
    assert.equal((await ticket(first.body.id)).status, 409);
    assert.equal((await change({ limits: { pids: 100 } })).status, 409);
});

test("pages", async () => {
    const list = (query, options) => ask(admin, "GET", `/api/sandboxes${query}`, "/api/sandboxes", options);
    for (let i = 0; i < 2; i++) {
        const made = await admin.startSandbox();
        await admin.request("DELETE", `/api/sandboxes/${made.id}`);
    }
    const first = (await list("?limit=2")).body;
    assert.equal(first.items.length, 2);
    const second = (await list(`?limit=2&cursor=${first.next_cursor}`)).body;
    assert.equal(second.items.length, 1);
    assert.equal(second.next_cursor, null);
    assert.equal((await list("?state=active")).body.items.length, 0);
    assert.equal((await list("?state=ended")).body.items.length, 3);
    for (const query of ["?limit=0", "?limit=101", "?limit=x", "?cursor=x", "?state=running", "?other=1", "?limit=1&limit=2"])
        assert.equal((await list(query)).status, 400, query);
    assert.equal((await list("", { token: "x" })).status, 401);
});

test("without sandboxd: 503 that says when to come back, and its return mends it", async () => {
    process.kill(server.pid, "SIGSTOP"); // the supervisor would have it back before it is missed
    try {
        server.kill("sandboxd");
        await until("the loss", async () => (await admin.request("GET", "/ready")).status === 503);
        const answer = await ask(admin, "POST", "/api/sandboxes", "/api/sandboxes", { body: { template: "desktop" } });
        assert.equal(answer.status, 503);
        assert.ok(Number(answer.headers.get("retry-after")) >= 1);
        await ask(admin, "GET", "/ready", "/ready");
        assert.deepEqual((await ask(admin, "GET", "/health", "/health")).body.layers, []);
    } finally {
        process.kill(server.pid, "SIGCONT");
    }
    await until("readiness", async () => (await admin.request("GET", "/ready")).status === 200);
    const made = await admin.startSandbox();
    await admin.request("DELETE", `/api/sandboxes/${made.id}`);
});

test("every documented answer that a client can cause was seen", () => {
    const causes = /^(200|201|204|400|401|403|404|409|413|422|429)$/;
    const missing = [];
    for (const [path, operations] of Object.entries(document.paths)) {
        for (const [method, operation] of Object.entries(operations)) {
            if (!operation.responses || path.startsWith("/ws/")) continue;
            for (const status of Object.keys(operation.responses))
                if (causes.test(status) && !seen.has(`${method.toUpperCase()} ${path} ${status}`)) missing.push(`${method} ${path} ${status}`);
        }
    }
    assert.deepEqual(missing, []);
});
