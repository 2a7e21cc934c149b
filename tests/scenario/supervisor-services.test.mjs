// What a running instance consists of: whose each program is, what happens when one dies, and where its settings come from.
import assert from "node:assert/strict";
import { chownSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { startCluster } from "../harness/cluster.mjs";
import { isAlive, userOf } from "../harness/processes.mjs";
import { makeStateDir, startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const AS_ROOT = process.getuid() === 0;
const ROOT_ONLY = { skip: AS_ROOT ? false : "only root can start programs as other users" };
const LATER_START_MS = 3000;
const SERVICES = ["sandbox-server", "sandboxd", "postgres"];

const stateDir = makeStateDir();
let server;
let password;

before(async () => {
    server = await startServer({ stateDir });
    password = server.adminPassword;
});
after(() => server.stop());

// The supervisor collects orphans too, such as workers of a killed PostgreSQL; those rewrite their command line.
function isService(process) {
    if (process.parent !== server.pid || !isAlive(process)) return false;
    return readFileSync(`/proc/${process.pid}/cmdline`, "latin1").startsWith("/");
}
const service = (name) => server.processes(name).find(isService);

const isReady = async () => (await server.client().request("GET", "/ready").catch(() => ({}))).status === 200;

async function killService(name) {
    const before = service(name);
    process.kill(before.pid, "SIGKILL");
    await until(`a successor of ${name}`, () => (service(name) ?? before).pid !== before.pid);
    await until("readiness", isReady);
}

async function restart() {
    assert.equal((await server.end()).code, 0, server.log);
    server = await startServer({ stateDir });
    server.knownPassword = password;
}

test("the state directory has the documented modes", () => {
    const wanted = { "secrets.env": 0o600, database: 0o700, homes: 0o711, run: 0o755, "run/postgres": 0o2750, "run/sandboxd": 0o2750 };
    for (const [path, bits] of Object.entries(wanted)) assert.equal(statSync(join(stateDir, path)).mode & 0o7777, bits, path);
});

test("each program runs as its own user, who owns its part of the state", ROOT_ONLY, () => {
    const users = SERVICES.map((name) => userOf(service(name).pid));
    assert.equal(new Set(users).size, SERVICES.length);
    assert.ok(!users.includes(0));
    assert.deepEqual(["secrets.env", "homes", "database"].map((path) => statSync(join(stateDir, path)).uid), users);
});

for (const name of SERVICES) {
    test(`${name} is started again when it is killed, as the same user`, async () => {
        const user = userOf(service(name).pid);
        await killService(name);
        assert.equal(userOf(service(name).pid), user);
        await server.adminClient();
    });
}

test("a service that keeps dying is started at growing intervals", async () => {
    for (let deaths = 0; deaths < 3; deaths++) await killService("sandboxd");
    const pauses = [...server.stderr.matchAll(/sandboxd was ended by signal 9 .*starting it again in ([\d.]+) s/g)];
    assert.deepEqual(pauses.map(([, seconds]) => seconds), ["0.0", "0.1", "0.2", "0.4"]);
});

test("a later run is ready within 3 s", async () => {
    const began = performance.now();
    await restart();
    assert.ok(performance.now() - began < LATER_START_MS, `stop and start took ${performance.now() - began} ms`);
    await server.adminClient();
});

test("config.env is in force", async () => {
    writeFileSync(join(stateDir, "config.env"), "# for this test\nSANDBOX_MAX_PER_USER=1\n", { mode: 0o644 });
    await restart();
    const admin = await server.adminClient();
    await admin.startSandbox();
    const second = await admin.request("POST", "/api/sandboxes", { body: { template: "desktop" } });
    assert.equal(second.status, 409, second.text);
});

test("a plain user can run everything, and is told what is weaker", ROOT_ONLY, async () => {
    const { uid, gid } = statSync(join(stateDir, "database")); // any user with a name will do
    const own = makeStateDir({ uid, gid });
    chownSync(own, uid, gid);
    const plain = await startServer({ stateDir: own, user: { uid, gid } });
    assert.match(plain.stderr, /weaker: every program runs as one user/);
    assert.match(plain.stderr, /weaker: sandboxes share that user's id/);
    await (await plain.adminClient()).startSandbox();
    for (const name of ["sandbox-server", "sandboxd", "Xvfb"]) assert.equal(userOf(plain.process(name).pid), uid, name);
    await plain.stop();
});

test("DATABASE_URL is used instead of an own cluster", async () => {
    const cluster = await startCluster();
    const states = [makeStateDir(), makeStateDir()];
    const env = { DATABASE_URL: cluster.url };
    try {
        const first = await startServer({ stateDir: states[0], env });
        assert.equal(first.processes("postgres").length, 0);
        await first.adminClient();
        assert.equal((await first.end()).code, 0, first.log);

        // Another state directory, the same database: the administrator is there already and keeps the password.
        const second = await startServer({ stateDir: states[1], env });
        assert.equal(second.adminPassword, null);
        second.knownPassword = first.adminPassword;
        await second.adminClient();
        assert.equal((await second.end()).code, 0, second.log);
    } finally {
        await cluster.stop();
        for (const state of states) rmSync(state, { recursive: true, force: true });
    }
});
