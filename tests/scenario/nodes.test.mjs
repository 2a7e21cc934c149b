// Sandboxes of another node over the same database.
import assert from "node:assert/strict";
import { test } from "node:test";

import { startServer } from "../harness/server.mjs";
import { sql } from "../harness/sql.mjs";

test("what another node runs is neither stopped nor opened here, and the answer names that node; what has ended is the same everywhere", async () => {
    const server = await startServer();
    const admin = await server.adminClient();
    const start = () => admin.request("POST", "/api/sandboxes", { body: { template: "desktop" }, headers: { "idempotency-key": "one" } });
    const { id, node } = (await start()).body;
    const stop = () => admin.request("DELETE", `/api/sandboxes/${id}`);
    const ticket = () => admin.request("POST", `/api/sandboxes/${id}/ticket`, { body: {} });
    sql(server, `UPDATE sandboxes SET node = 'elsewhere' WHERE id = '${id}'`);
    for (const ask of [stop, ticket]) {
        const { status, body } = await ask();
        assert.equal(status, 421);
        assert.equal(body.type, "urn:sandbox-server:problem:wrong-node");
        assert.match(body.detail, /"elsewhere"/);
    }
    sql(server, `UPDATE sandboxes SET state = 'starting' WHERE id = '${id}'`);
    const early = await start();
    assert.equal(early.status, 503, "what does not run yet is told as running");
    assert.match(early.body.detail, /Another node is starting/);
    sql(server, `UPDATE sandboxes SET state = 'running', node = '${node}' WHERE id = '${id}'`);
    assert.equal((await start()).body.id, id);
    assert.equal((await stop()).status, 200);
    sql(server, `UPDATE sandboxes SET node = 'elsewhere' WHERE id = '${id}'`);
    assert.equal((await stop()).body.state, "ended");
    assert.equal((await ticket()).status, 409);
    await server.stop();
});
