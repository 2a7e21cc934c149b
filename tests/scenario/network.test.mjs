// Network and limits of a sandbox over the HTTP interface: what is refused and why, what is told back, and what a restart leaves.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { startServer } from "../harness/server.mjs";
import { SqlSession, sql } from "../harness/sql.mjs";
import { until } from "../harness/until.mjs";

const SECRET = "opensesame42";
const NETWORK = { mode: "allow", rules: ["*.example.org:443", "10.0.0.0/8:5432", { to: "api.example.org:80", header: { name: "Authorization", value: SECRET } }] };
const SHOWN = { ...NETWORK, rules: [...NETWORK.rules.slice(0, 2), { to: "api.example.org:80", header: { name: "Authorization", value: null } }] };
const SHOWN_NEXT = { mode: "allow", rules: ["next.example.org", "[fd00::/8]:22"] };

const COPY = `INSERT INTO sandboxes (id, account_id, template, node, state, memory_mb, cpu_percent, pids, session_seconds, idle_seconds, display_width, display_height, layers)
    SELECT gen_random_uuid(), account_id, template, 'elsewhere', state, memory_mb, cpu_percent, pids, session_seconds, idle_seconds, display_width, display_height, layers FROM sandboxes`;
const CTL = fileURLToPath(new URL("../../scripts/ctl", import.meta.url));

let server;
let admin;
before(async () => {
    server = await startServer({ env: { SANDBOX_MEMORY_LIMIT_MB: "1024", SANDBOX_PID_LIMIT: "400" } });
    admin = await server.adminClient();
});
after(() => server.stop());

const create = (body) => admin.request("POST", "/api/sandboxes", { body: { template: "desktop", ...body } });
const change = (id, body) => admin.request("PATCH", `/api/sandboxes/${id}`, { body });

test("what is not possible is refused with the field's name and what is possible", async () => {
    const rule = (value) => ({ network: { mode: "allow", rules: [value] } });
    const refused = [
        [{ network: "none" }, /"network" must be an object/],
        [{ network: { mode: "some" } }, /"network.mode" must be none or allow/],
        [{ network: { mode: "none", rules: ["example.org"] } }, /"network.rules" must be empty/],
        [{ network: { mode: "allow", rules: [] } }, /"network.rules" must be a list of at least one rule/],
        [{ network: { mode: "allow", rules: Array(65).fill("example.org") } }, /at most 64/],
        [{ network: { mode: "allow", rules: Array(64).fill(`${"a".repeat(60)}.${"b".repeat(20)}`) } }, /at most 4096 bytes/],
        [{ network: { mode: "allow", rules: ["example.org", "exa mple"] } }, /"network.rules\[1\]": "exa mple" is not a destination/],
        [rule(7), /"network.rules\[0\]" must be a destination/],
        [rule("example.org:0"), /not a destination/],
        [rule("127.1:80"), /not a destination/],
        [rule("a\u0000b"), /"network.rules\[0\]"/],
        [rule({ to: "example.org", other: 1 }), /"network.rules\[0\]" must have "to"/],
        [rule({ to: "example.org:80", header: { name: "Host", value: "x" } }), /"network.rules\[0\].header" is not possible/],
        [rule({ to: "example.org:80", header: { name: "X", value: "a\r\nB: c" } }), /"network.rules\[0\].header" is not possible/],
        [rule({ to: "example.org:443", header: { name: "X", value: "a" } }), /nothing can be added inside TLS/],
        [rule({ to: "10.0.0.0/8:80", header: { name: "X", value: "a" } }), /a header needs a domain/],
        [{ limits: { memory_mb: 2048 } }, /"limits.memory_mb" must be a whole number from 128 to 1024/],
        [{ limits: { pids: "100" } }, /"limits.pids" must be a whole number from 32 to 400/],
        [{ limits: { session_seconds: 1 } }, /"limits" has a field that can't be set/],
        [{ limits: [] }, /"limits" must be an object/],
    ];
    for (const [body, sentence] of refused) {
        const answer = await create(body);
        assert.equal(answer.status, 422, `${JSON.stringify(body)}: ${answer.text}`);
        assert.match(answer.body.detail, sentence);
        assert.equal(answer.body.type, "urn:sandbox-server:problem:not-possible");
    }
    assert.deepEqual((await admin.request("GET", "/api/sandboxes")).body.items, []);
});

test("both are set at the start, told back without secrets, changed while it runs, and known after a restart", async () => {
    const made = await create({ network: NETWORK, limits: { memory_mb: 512 } });
    assert.equal(made.status, 201, made.text);
    const { id } = made.body;
    assert.deepEqual(made.body.network, SHOWN);
    assert.equal(made.body.limits.memory_mb, 512);
    assert.equal(made.body.limits.pids, 400);

    const limited = await change(id, { limits: { pids: 200 } });
    assert.equal(limited.status, made.body.layers.find(({ name }) => name === "memory_limit").state === "on" ? 200 : 409, limited.text);
    const pids = limited.status === 200 ? 200 : 400;
    const networked = await change(id, { network: { mode: "none" } });
    assert.equal(networked.status, 200, networked.text);
    assert.deepEqual(networked.body.network, { mode: "none", rules: [] });
    assert.deepEqual((await change(id, { network: NETWORK })).body.network, SHOWN);
    assert.equal((await change(id, { network: NETWORK, limits: { memory_mb: 4096 } })).status, 422);

    // A policy of every rule and header there may be is more packets than a socket holds.
    const most = Array.from({ length: 64 }, (_, i) => (i < 16 ? { to: `h${i}.test:80`, header: { name: "X-Key", value: "v".repeat(600) } } : `h${i}.test`));
    assert.equal((await change(id, { network: { mode: "allow", rules: most } })).status, 200);
    assert.equal((await change(id, { network: NETWORK })).status, 200);
    const together = await Promise.all([1, 2, 3].map((i) => change(id, { network: { mode: "allow", rules: [`h${i}.test`] } })));
    assert.ok(together.every(({ status }) => status === 200 || status === 409) && together.some(({ status }) => status === 200));
    assert.equal((await change(id, { network: NETWORK })).status, 200);

    server.kill("sandbox-server");
    await ready();
    const after = await admin.sandbox(id);
    assert.equal(after.state, "running");
    assert.deepEqual(after.network, SHOWN);
    assert.equal(after.limits.pids, pids);
    assert.equal((await change(id, { network: { mode: "none" } })).status, 200);

    assert.ok(!server.log.includes(SECRET), "the secret is in the log");
    assert.equal((await admin.request("DELETE", `/api/sandboxes/${id}`)).status, 200);
    const { usage } = await admin.sandbox(id);
    assert.deepEqual([usage.network_allowed, usage.network_refused], [0, 0]);
    assert.equal((await change(id, { network: { mode: "none" } })).status, 409);
});

async function ctl(...words) {
    const child = spawn(CTL, words, { env: { PATH: process.env.PATH, HOME: server.stateDir, STATE_DIR: server.stateDir } });
    let stderr = "";
    child.stderr.on("data", (chunk) => (stderr += chunk));
    const [status] = await once(child, "close");
    return { status, stderr };
}

// A database that a crowded machine lets wait says something else first.
const said = (wanted, sentence, ...words) =>
    until(String(sentence), async () => {
        const { status, stderr } = await ctl(...words);
        return status === wanted && sentence.test(stderr);
    }, 60000);

const ready = () => until("the return", () => admin.request("GET", "/ready").then(({ status }) => status === 200, () => false));
const allow = (...rules) => ({ mode: "allow", rules });

test("rules are stored in one spelling", async () => {
    const made = await create({ network: allow("EXAMPLE.org:80,443", "10.0.0.1/32", "[2001:DB8:0::/32]:8000-8080,9", "*:1") });
    assert.equal(made.status, 201, made.text);
    assert.deepEqual(made.body.network, allow("example.org", "10.0.0.1", "[2001:db8::/32]:8000-8080,9", "*:1"));
    assert.equal((await admin.request("DELETE", `/api/sandboxes/${made.body.id}`)).status, 200);
});

test("a change that sandboxd answers too late is recorded all the same, and no other begins before", async () => {
    const { id } = (await create({ network: NETWORK })).body;
    const { pid } = server.kill("sandboxd", "SIGSTOP");
    try {
        // sandboxctl beside it: of a node that is not there, and of this one.
        const elsewhere = sql(server, `${COPY} WHERE id = '${id}' RETURNING id`).trim();
        const unheard = said(6, /node does not answer/, "sandbox", "network", elsewhere, "--none");
        const late = change(id, { network: allow("late.test") });
        await until("the change's begin", async () => (await change(id, {})).status === 409);
        assert.equal((await late).status, 503);
        assert.equal((await change(id, { network: allow("other.test") })).status, 409);
        assert.deepEqual((await admin.sandbox(id)).network, SHOWN);
        await said(1, /being changed by somebody else/, "sandbox", "network", id, "--none");
        await unheard;
        sql(server, `DELETE FROM sandboxes WHERE id = '${elsewhere}'`);
    } finally {
        process.kill(pid, "SIGCONT");
    }
    await until("the row", async () => (await admin.sandbox(id)).network.rules[0] === "late.test");
    assert.equal((await change(id, { network: allow("next.test") })).status, 200);
    assert.equal((await admin.request("DELETE", `/api/sandboxes/${id}`)).status, 200);
});

test("what came into force before sandbox-server died is in the row when it is back", async () => {
    const made = (await create({ network: NETWORK })).body;
    const limits = made.layers.find(({ name }) => name === "memory_limit").state === "on" ? { pids: 300 } : {};
    const holder = new SqlSession(server);
    const watcher = new SqlSession(server); // a transaction would see the first answer again and again
    const writers = (columns = "pid") => watcher.run(`SELECT ${columns} FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE sandboxes SET memory_mb%'`);
    await holder.run("BEGIN; LOCK TABLE sandboxes IN EXCLUSIVE MODE"); // who only reads goes on
    const cut = change(made.id, { limits, network: SHOWN_NEXT }).catch(() => null);
    await until("sandboxd's answer, with the row unwritten", async () => (await writers()).length === 1);
    server.kill("sandbox-server");
    await cut;
    await writers("pg_terminate_backend(pid)");
    await until("the end of that write", async () => (await writers()).length === 0);
    await holder.run("COMMIT");
    await Promise.all([holder.end(), watcher.end()]);
    await ready();
    await until("the row", async () => (await admin.sandbox(made.id)).network.rules.length === 2);
    const after = await admin.sandbox(made.id);
    assert.deepEqual(after.network, SHOWN_NEXT);
    assert.equal(after.limits.pids, limits.pids ?? 400);
    assert.match(server.log, /it is mended/);
    // A row that says what is in force is left alone.
    const mended = server.log.split("it is mended").length;
    server.kill("sandbox-server");
    await ready();
    assert.deepEqual((await admin.sandbox(made.id)).network, SHOWN_NEXT);
    assert.equal(server.log.split("it is mended").length, mended);
    assert.equal((await admin.request("DELETE", `/api/sandboxes/${made.id}`)).status, 200);
});

test("no secret is in the database", { skip: process.getuid() !== 0 && "reads its files" }, () => {
    const found = spawnSync("grep", ["-rl", SECRET, server.stateDir, "--exclude-dir=programs"], { encoding: "utf8" });
    assert.deepEqual([found.status, found.stdout], [1, ""], found.stderr);
});
