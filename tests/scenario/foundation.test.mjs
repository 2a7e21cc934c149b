// A host that refuses what sandboxes for commands are copied from: everything works, and the operator is told, wherever he looks.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const CTL = fileURLToPath(new URL("../../scripts/ctl", import.meta.url));
const WITHOUT = ["libexec/sandbox-server/tests/sandbox_run_without", "setns@1=0x10000000"]; // to enter a user namespace

let server;

before(async () => {
    server = await startServer({ env: { SANDBOX_POOL_CODE: "1", SANDBOX_POOL_DESKTOP: "0" }, through: WITHOUT });
});

after(() => server?.stop());

const health = async () => (await server.client().request("GET", "/health")).body;

function doctor(...through) {
    const [program, ...args] = [...through, CTL, "doctor", "--json"];
    const { stdout, stderr } = spawnSync(program, args, { env: { PATH: process.env.PATH, HOME: server.stateDir, STATE_DIR: server.stateDir }, encoding: "utf8" });
    const row = JSON.parse(stdout).find(({ check }) => check === "foundation");
    assert.ok(row, stdout + stderr);
    return row;
}

test("sandboxes for commands are parked all the same", async () => {
    await until("a parked one", async () => (await health()).pool.code.ready === 1);
});

test("the log, /health and /ready say so", async () => {
    assert.match(server.log, /sandboxes for commands have no foundation.*Function not implemented/);
    assert.equal((await health()).pool.foundation_refused, "Function not implemented");
    const { status, body } = await server.client().request("GET", "/ready");
    assert.deepEqual([status, body.status, body.checks.pool.ok], [200, "ready", false]);
    assert.match(body.checks.pool.detail, /no foundation.*sandboxctl doctor/);
});

test("doctor says what refuses it; where nothing does it is fine", () => {
    const refused = doctor(join(server.stateDir, "programs", WITHOUT[0]), WITHOUT[1]);
    assert.equal(refused.state, "weak");
    assert.match(refused.detail, /Function not implemented.*SystemCallFilter=.*setns/);
    assert.equal(doctor().state, "ok");
});
