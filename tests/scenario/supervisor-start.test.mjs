// How an instance starts and ends: what it prints, what it leaves.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";

import { isAlive, processTree, readOf } from "../harness/processes.mjs";
import { makeStateDir, spawnServer, startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const stateDir = makeStateDir();
let password;

after(() => rmSync(stateDir, { recursive: true, force: true }));

async function startSandbox(server) {
    server.knownPassword = password;
    const client = await server.adminClient();
    return client.startSandbox();
}

test("the first run ends with the ready line, which shows the password", async () => {
    const server = await startServer({ stateDir });
    assert.match(server.stdout, /^ready: http:\/\/localhost:\d+  user: admin  password: \w{20}\n$/);
    password = server.adminPassword;
    assert.equal((await server.client().login("admin", password)).status, 200);
    assert.deepEqual(await server.end("SIGTERM"), { code: 0, signal: null }, server.log);
});

test("a later run keeps the password and shows none", async () => {
    const server = await startServer({ stateDir });
    assert.match(server.stdout, /^ready: http:\/\/localhost:\d+  user: admin\n$/);
    assert.equal((await server.client().login("admin", password)).status, 200);
    await server.end();
});

test("HOST and PORT are honoured", async () => {
    const server = await startServer({ stateDir, env: { HOST: "127.0.0.2" } });
    assert.equal(server.url, `http://127.0.0.2:${server.port}`);
    assert.equal((await fetch(server.url)).status, 200);
    await assert.rejects(fetch(`http://127.0.0.1:${server.port}`));
    await server.end();
});

test("a second instance on the same state directory is refused in one line", async () => {
    const first = await startServer({ stateDir });
    const second = await spawnServer({ stateDir });
    assert.deepEqual(await second.exited, { code: 1, signal: null });
    assert.match(second.log, /^sandbox-supervisor: another sandbox-supervisor already uses \S+: .+\n$/);
    assert.equal((await first.client().login("admin", password)).status, 200, "the first one suffered");
    await first.end();
});

for (const signal of ["SIGTERM", "SIGINT"]) {
    test(`${signal} leaves nothing, with a sandbox running`, async () => {
        const server = await startServer({ stateDir });
        await startSandbox(server);
        assert.deepEqual(await server.end(signal), { code: 0, signal: null }, server.log);
        assert.ok(!readdirSync(stateDir).includes("run"), "run/ is left");
    });
}

test("kill -9 of the supervisor leaves nothing, with a sandbox running; the next start works", async () => {
    const server = await startServer({ stateDir });
    await startSandbox(server);
    assert.deepEqual(await server.end("SIGKILL"), { code: null, signal: "SIGKILL" });
    const next = await startServer({ stateDir });
    await startSandbox(next);
    await next.end();
});

test("kill -9 of the supervisor and its sweeper at once: the next start removes what is left", async () => {
    const server = await startServer({ stateDir });
    await startSandbox(server);
    const all = processTree(server.pid);
    server.kill("sandbox-sweeper");
    process.kill(server.pid, "SIGKILL");
    await server.exited;
    const next = await startServer({ stateDir });
    await until("the end of the first instance's programs", () => !all.some(isAlive));
    await startSandbox(next);
    await next.end();
});

test("SIGTERM in the middle of a start leaves nothing", async () => {
    const server = await spawnServer({ stateDir });
    await until("the database", () => server.processes("postgres").length > 0);
    assert.deepEqual(await server.end("SIGTERM"), { code: 0, signal: null }, server.log);
    assert.equal(server.stdout, "");
});

test("a first run that is killed in the middle is made up for by the next", async () => {
    const fresh = makeStateDir();
    const server = await spawnServer({ stateDir: fresh });
    await until("initdb", () => server.processes("initdb").length > 0);
    await server.end("SIGKILL");
    const next = await startServer({ stateDir: fresh });
    assert.equal((await next.adminClient()).token.length > 0, true);
    await next.stop();
});

test("a first run that is stopped while the administrator is made loses no password", async () => {
    const fresh = makeStateDir();
    const server = await spawnServer({ stateDir: fresh });
    await until("create-user", () => server.processes("create-user").length > 0);
    assert.deepEqual(await server.end("SIGINT"), { code: 0, signal: null }, server.log);
    const shown = /^stopped before it was ready  user: admin  password: (\w{20})\n$/.exec(server.stdout);
    assert.ok(shown, server.log);
    const next = await startServer({ stateDir: fresh });
    assert.equal((await next.client().login("admin", shown[1])).status, 200);
    await next.stop();
});

test("no secret is in an argument, an environment of another program, or the log", async () => {
    const secret = /JWT_SECRET=(\w+)/.exec(readFileSync(join(stateDir, "secrets.env"), "utf8"))[1];
    const server = await startServer({ stateDir });
    const ours = processTree(server.pid);
    assert.ok(ours.length > 5);
    for (const { pid, name } of ours) {
        for (const file of ["cmdline", "environ"]) {
            const text = readOf(pid, file);
            assert.ok(!text.includes(secret) && !text.includes(password), `${name}: ${file}`);
        }
    }
    assert.ok(!server.log.includes(secret) && !server.log.includes(password));
    await server.end();
});
