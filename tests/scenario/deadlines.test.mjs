// Idle and session limits, and what a restart or a lost database does to them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";
import { WebSocketClient } from "../harness/websocket.mjs";

async function open(server, admin, id) {
    const { body } = await admin.request("POST", `/api/sandboxes/${id}/ticket`, { body: {} });
    return WebSocketClient.open(server.url, body.path);
}

const pointer = Buffer.alloc(12);
pointer[0] = 0x84;
pointer[4] = 1;

test("idle: a warning, cleared by input, then the end", async () => {
    const server = await startServer({ env: { SANDBOX_IDLE_TIMEOUT_SECS: "5", SANDBOX_WARNING_SECS: "3" } });
    const admin = await server.adminClient();
    const sandbox = await admin.startSandbox();
    const client = await open(server, admin, sandbox.id);
    assert.equal((await client.notice("session")).idle_expires_at, sandbox.idle_expires_at);
    const warning = await client.notice("warning", 4000);
    assert.equal(warning.reason, "idle");
    const late = await open(server, admin, sandbox.id);
    assert.deepEqual(await late.notice("warning", 1000), warning, "who comes after the warning sees none");
    client.send(pointer);
    const cleared = await client.notice("warning_cleared");
    assert.ok(Date.parse(cleared.idle_expires_at) > Date.parse(sandbox.idle_expires_at));
    assert.equal((await client.notice("warning", 4000)).reason, "idle");
    assert.equal((await client.notice("ended", 6000)).reason, "idle");
    assert.equal((await client.ended()).code, 4000);
    const ended = await until("the row", async () => {
        const row = await admin.sandbox(sandbox.id);
        return row.state === "ended" && row;
    });
    assert.equal(ended.stop.reason, "idle");
    await server.stop();
});

test("session limit: it comes with all input, also over a restart of sandbox-server", async () => {
    const server = await startServer({ env: { SANDBOX_SESSION_TIMEOUT_SECS: "8", SANDBOX_WARNING_SECS: "2" } });
    const admin = await server.adminClient();
    const sandbox = await admin.startSandbox();
    const first = await open(server, admin, sandbox.id);
    await first.notice("session");
    server.kill("sandbox-server");
    assert.equal((await first.ended()).code, 1006);
    const client = await until("the desktop again", () => open(server, admin, sandbox.id).catch(() => null));
    assert.equal((await client.notice("session")).expires_at, sandbox.expires_at);
    assert.equal((await client.notice("warning")).reason, "limit");
    client.send(pointer);
    assert.equal((await client.notice("ended")).reason, "limit");
    assert.equal((await client.ended()).code, 4000);
    await server.stop();
});

test("the database gone for a while: 503, viewers stay, what ended meanwhile is written afterwards", async () => {
    const server = await startServer();
    const admin = await server.adminClient();
    const sandbox = await admin.startSandbox();
    const client = await open(server, admin, sandbox.id);
    await client.binary(0x01);
    process.kill(server.pid, "SIGSTOP"); // the supervisor would start it again at once
    try {
        const [postgres] = server.processes("postgres").sort((a, b) => a.pid - b.pid);
        process.kill(postgres.pid, "SIGINT");
        await until("the loss", async () => (await admin.request("GET", "/ready")).status === 503);
        const answer = await admin.request("GET", "/api/sandboxes");
        assert.equal(answer.status, 503);
        assert.equal(answer.headers.get("retry-after"), "1");
        assert.equal(client.closed, null);
        client.send(Buffer.from([0x8a, 0, 0, 0]));
        await client.binary(0x02);
        for (const { pid } of server.processes("Xvfb")) process.kill(pid, "SIGKILL");
        assert.equal((await client.notice("ended")).reason, "display");
    } finally {
        process.kill(server.pid, "SIGCONT");
    }
    const ended = await until("the row", async () => {
        const row = await admin.sandbox(sandbox.id);
        return row?.state === "ended" && row;
    });
    assert.equal(ended.stop.reason, "display");
    await server.stop();
});

test("SIGTERM: viewers are told 1001, and the process ends at once with 0", async () => {
    const server = await startServer();
    const admin = await server.adminClient();
    const sandbox = await admin.startSandbox();
    const client = await open(server, admin, sandbox.id);
    await client.notice("session");
    const before = server.process("sandbox-server");
    server.kill("sandbox-server", "SIGTERM");
    assert.equal((await client.ended()).code, 1001);
    await until("its end", () => server.processes("sandbox-server").every(({ pid }) => pid !== before.pid), 2000);
    await server.stop();
});
