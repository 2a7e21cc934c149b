// DATABASE_URL: the database is another's; nothing of it is made, kept or shown here.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, test } from "node:test";

import { PASSWORD, Postgres } from "../harness/postgres.mjs";
import { processTree, readOf } from "../harness/processes.mjs";
import { makeStateDir, startServer } from "../harness/server.mjs";

const stateDir = makeStateDir();
let postgres;
let server;

before(async () => {
    postgres = await Postgres.start();
    server = await startServer({ stateDir, env: { DATABASE_URL: postgres.url } });
});

after(async () => {
    await server?.stop();
    await postgres?.stop();
});

test("the instance works on it and makes no cluster of its own", async () => {
    const client = await server.adminClient();
    const { id } = await client.startSandbox();
    assert.equal((await client.sandbox(id)).state, "running");
    assert.ok(!readdirSync(stateDir).some((name) => name.startsWith("database")));
    assert.deepEqual(server.processes("postgres"), []);
});

test("its password is in no argument, no log and only in the server's environment", () => {
    const secret = encodeURIComponent(PASSWORD);
    assert.ok(!server.log.includes(secret) && !server.log.includes(PASSWORD));
    for (const { pid, name } of processTree(server.pid).filter((process) => process.pid !== server.pid && process.name !== "sandbox-sweeper")) {
        assert.ok(!readOf(pid, "cmdline").includes(secret), name);
        if (name !== "sandbox-server") assert.ok(!readOf(pid, "environ").includes(secret), name);
    }
});

test("a second start finds the account of the first", async () => {
    const password = server.adminPassword;
    await server.end();
    server = await startServer({ stateDir, env: { DATABASE_URL: postgres.url } });
    assert.equal(server.adminPassword, null);
    assert.equal((await server.client().login("admin", password)).status, 200);
});
