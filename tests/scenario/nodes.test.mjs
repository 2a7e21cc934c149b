// Sandboxes of another node over the same database.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { userOf } from "../harness/processes.mjs";
import { startServer } from "../harness/server.mjs";

function sql(server, text) {
    const { pid } = server.process("sandbox-server");
    const url = /(?:^|\0)DATABASE_URL=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, "utf8"))[1];
    const group = statSync(join(server.stateDir, "run/postgres")).gid;
    const done = spawnSync("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", text], {
        encoding: "utf8",
        cwd: "/",
        ...(process.getuid() === 0 ? { uid: userOf(pid), gid: group } : {}),
    });
    assert.equal(done.status, 0, done.stderr);
}

test("what another node runs is neither stopped nor opened here, and the answer names that node; what has ended is the same everywhere", async () => {
    const server = await startServer();
    const admin = await server.adminClient();
    const { id, node } = await admin.startSandbox();
    const stop = () => admin.request("DELETE", `/api/sandboxes/${id}`);
    const ticket = () => admin.request("POST", `/api/sandboxes/${id}/ticket`, { body: {} });
    sql(server, `UPDATE sandboxes SET node = 'elsewhere' WHERE id = '${id}'`);
    for (const ask of [stop, ticket]) {
        const { status, body } = await ask();
        assert.equal(status, 421);
        assert.equal(body.type, "urn:sandbox-server:problem:wrong-node");
        assert.match(body.detail, /"elsewhere"/);
    }
    sql(server, `UPDATE sandboxes SET node = '${node}' WHERE id = '${id}'`);
    assert.equal((await stop()).status, 200);
    sql(server, `UPDATE sandboxes SET node = 'elsewhere' WHERE id = '${id}'`);
    assert.equal((await stop()).body.state, "ended");
    assert.equal((await ticket()).status, 409);
    await server.stop();
});
