// What the state directory holds, and what an instance takes from it.
import assert from "node:assert/strict";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { makeStateDir, startServer } from "../harness/server.mjs";

const LATER_START_MS = 3000;
const AS_ROOT = process.getuid() === 0;

const stateDir = makeStateDir();
let server;
let password;

before(async () => {
    server = await startServer({ stateDir });
    password = server.adminPassword;
});
after(() => server.stop());

async function restart() {
    assert.equal((await server.end()).code, 0, server.log);
    const began = performance.now();
    server = await startServer({ stateDir });
    server.knownPassword = password;
    return performance.now() - began;
}

test("each part has the documented mode", () => {
    const wanted = { "secrets.env": 0o600, database: 0o700, homes: 0o711, run: 0o755, "run/postgres": 0o2750, "run/sandboxd": 0o2750 };
    for (const [path, bits] of Object.entries(wanted)) assert.equal(statSync(join(stateDir, path)).mode & 0o7777, bits, path);
});

test("each part has an owner of its own", { skip: AS_ROOT ? false : "only root can give files away" }, () => {
    const owners = ["secrets.env", "homes", "database", "run"].map((path) => statSync(join(stateDir, path)).uid);
    assert.equal(new Set(owners).size, owners.length);
    assert.equal(owners.at(-1), 0);
});

test("a later run is ready within 3 s", async () => {
    const took = await restart();
    assert.ok(took < LATER_START_MS, `${took} ms`);
});

test("config.env is in force", async () => {
    writeFileSync(join(stateDir, "config.env"), "# for this test\nSANDBOX_MAX_PER_USER=1\n", { mode: 0o644 });
    await restart();
    const admin = await server.adminClient();
    await admin.startSandbox();
    const second = await admin.request("POST", "/api/sandboxes", { body: { template: "desktop" } });
    assert.equal(second.status, 409, second.text);
});
