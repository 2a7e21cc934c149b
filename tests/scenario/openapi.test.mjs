// docs/openapi.yaml against the running server: each answer has a documented status and exactly its schema.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { parse } from "yaml";

import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

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
    server = await startServer({ env: { SANDBOX_MAX_PER_USER: "1" } });
    admin = await server.adminClient();
});
after(() => server.stop());

const NOBODY = "01975fe0-0000-7000-8000-000000000001";

test("health and readiness", async () => {
    const health = await ask(server.client(), "GET", "/health", "/health");
    assert.ok(health.body.layers.length > 10);
    assert.ok(health.body.pool.memory_mb > 0);
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

    assert.equal((await one("DELETE", first.body.id, { headers: { origin: "https://evil.example" } })).status, 403);
    assert.equal((await one("DELETE", NOBODY)).status, 404);
    assert.equal((await one("DELETE", first.body.id, { token: "x" })).status, 401);
    assert.equal((await one("DELETE", first.body.id)).body.state, "ended");
    assert.equal((await one("DELETE", first.body.id)).body.state, "ended", "again: no change");
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
