// How many sandboxes a user and a node may run, as the API tells it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { startServer } from "../harness/server.mjs";

const start = (client) => client.request("POST", "/api/sandboxes", { body: { template: "desktop" } });

test("a user over the maximum is told to stop one; a full node says when to come again; each place is free again after a stop", async () => {
    const server = await startServer({ env: { SANDBOX_MAX_PER_USER: "1", SANDBOX_MAX_PER_NODE: "1" } });
    const admin = await server.adminClient();
    const sandbox = await admin.startSandbox();
    const overUser = await start(admin);
    assert.equal(overUser.status, 409);
    assert.equal(overUser.body.type, "urn:sandbox-server:problem:limit-reached");
    assert.equal((await admin.request("DELETE", `/api/sandboxes/${sandbox.id}`)).status, 200);
    const together = await Promise.all([start(admin), start(admin), start(admin)]);
    assert.deepEqual(together.map(({ status }) => status).sort(), [201, 409, 409]);
    await server.stop();

    const full = await startServer({ env: { SANDBOX_MAX_PER_USER: "2", SANDBOX_MAX_PER_NODE: "1" } });
    const owner = await full.adminClient();
    const only = await owner.startSandbox();
    const overNode = await start(owner);
    assert.equal(overNode.status, 503);
    assert.ok(Number(overNode.headers.get("retry-after")) > 0);
    assert.equal((await owner.request("DELETE", `/api/sandboxes/${only.id}`)).status, 200);
    assert.equal((await start(owner)).status, 201);
    await full.stop();
});

test("what a sandbox used is told after its end, where the machine counts it", async () => {
    const server = await startServer();
    const admin = await server.adminClient();
    const { id, layers } = await admin.startSandbox();
    await admin.request("DELETE", `/api/sandboxes/${id}`);
    const { state, usage } = (await admin.request("GET", `/api/sandboxes/${id}`)).body;
    assert.equal(state, "ended");
    if (layers.find(({ name }) => name === "memory_limit").state === "on")
        assert.ok(usage.cpu_seconds > 0 && usage.peak_memory_mb > 1, JSON.stringify(usage));
    if (layers.find(({ name }) => name === "process_limit").state === "on")
        assert.ok(usage.processes > 5 && usage.refused_processes === 0, JSON.stringify(usage));
    else
        assert.deepEqual([usage.processes, usage.refused_processes], [null, null]);
    assert.ok(typeof usage.written_mb === "number" && usage.written_mb < 16, JSON.stringify(usage)); // by pid 1, on every machine
    await server.stop();
});
