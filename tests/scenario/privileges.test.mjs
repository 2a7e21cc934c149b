// What each program may do, as the kernel sees it: docs/ARCHITECTURE.md's table, row by row.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";

import { namespaceOf } from "../harness/processes.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";
import { WebSocketClient } from "../harness/websocket.mjs";

const SET_IDS = (1n << 6n) | (1n << 7n); // CAP_SETGID, CAP_SETUID
const UID_BASE = 0x70000000;
const ACCOUNTS_MAX = 1 << 20;
const STREAMERS_MAX = 1024 * 8;
const PARKED_FIRST = ACCOUNTS_MAX + 1 + 8192 + 1;
const UIDS = 1 << 21;
const EXPORTERS = 2;
const NOBODY = { uid: 65534, gid: 65534 };
const isRoot = process.getuid() === 0;

function statusOf(pid) {
    const fields = {};
    for (const line of readFileSync(`/proc/${pid}/status`, "utf8").split("\n")) {
        const colon = line.indexOf(":");
        if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trim();
    }
    const capabilities = (set) => BigInt(`0x${fields[`Cap${set}`]}`);
    return {
        uids: [...new Set(fields.Uid.split(/\s+/).map(Number))],
        gids: [...new Set(fields.Gid.split(/\s+/).map(Number))],
        groups: fields.Groups.split(/\s+/).filter(Boolean).map(Number),
        effective: capabilities("Eff"),
        permitted: capabilities("Prm"),
        inheritable: capabilities("Inh"),
        bounding: capabilities("Bnd"),
        ambient: capabilities("Amb"),
        noNewPrivileges: fields.NoNewPrivs === "1",
        filtered: fields.Seccomp === "2",
    };
}

function assertPowerless(status, name) {
    for (const set of ["effective", "permitted", "inheritable", "ambient"]) assert.equal(status[set], 0n, `${name}: ${set} capabilities`);
    assert.ok(status.noNewPrivileges, `${name} could gain privileges`);
    assert.deepEqual(status.groups, status.groups.filter((group) => status.gids.includes(group)), `${name}: groups`);
}

async function watchedDesktop(server) {
    const client = await server.adminClient();
    const { id } = await client.startSandbox();
    const ticket = await client.request("POST", `/api/sandboxes/${id}/ticket`, { body: {} });
    const stream = await WebSocketClient.open(server.url, ticket.body.path, { headers: { Origin: server.url } });
    await stream.binary(0x01);
    return stream;
}

describe("started as root", { skip: !isRoot && "needs root" }, () => {
    const uidOf = (name) => Number(execFileSync("id", ["-u", name]));
    let server;
    let stream;

    before(async () => {
        server = await startServer();
        stream = await watchedDesktop(server);
    });

    after(async () => {
        stream?.destroy();
        await server?.stop();
    });

    for (const name of ["sandbox-server", "postgres"]) {
        test(`${name}: an own user, no capability, none to get`, () => {
            const user = name === "postgres" ? "sandbox-postgres" : name;
            for (const { pid } of server.processes(name)) {
                const status = statusOf(pid);
                assert.deepEqual(status.uids, [uidOf(user)]);
                assertPowerless(status, name);
                assert.equal(status.bounding, 0n);
            }
        });
    }

    test("sandboxd: an own user that may change user and group ids, nothing else", () => {
        const status = statusOf(server.process("sandboxd").pid);
        assert.deepEqual(status.uids, [uidOf("sandboxd")]);
        for (const set of ["effective", "permitted", "ambient", "bounding"]) assert.equal(status[set], SET_IDS, set);
        assert.ok(status.noNewPrivileges);
        assert.deepEqual(status.groups, []);
    });

    test("sandbox-init and all that runs inside: the owner's host uid, no capability", () => {
        for (const name of ["sandbox-init", "Xvfb", "openbox"]) {
            const { pid } = server.process(name);
            const status = statusOf(pid);
            assert.equal(status.uids.length, 1);
            const number = status.uids[0] - UID_BASE; // the account's, or that of a sandbox that was parked
            assert.ok((number > 0 && number <= ACCOUNTS_MAX) || (number >= PARKED_FIRST && number < UIDS), `${name}: uid ${status.uids[0]}`);
            assertPowerless(status, name);
            assert.equal(status.bounding, 0n);
            for (const kind of ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"])
                assert.notEqual(namespaceOf(pid, kind), namespaceOf("self", kind), `${name}: ${kind} namespace`);
        }
    });

    test("sandbox-egress: a uid of its own, the node's network, no capability, its system calls filtered", () => {
        const { pid } = server.process("sandbox-egress");
        const status = statusOf(pid);
        assert.deepEqual(status.uids, [UID_BASE + ACCOUNTS_MAX + 1 + STREAMERS_MAX]);
        assertPowerless(status, "sandbox-egress");
        assert.ok(status.filtered, "no seccomp filter");
        assert.equal(namespaceOf(pid, "net"), namespaceOf("self", "net"));
        const resolvers = server.processes("egress-resolver");
        assert.equal(resolvers.length, 8);
        for (const resolver of resolvers) assert.ok(statusOf(resolver.pid).filtered, "a resolver without a seccomp filter");
    });

    test("sandbox-tick: a uid of its own, no capability, each thread's system calls filtered", () => {
        const { pid } = server.process("sandbox-tick");
        for (const thread of readdirSync(`/proc/${pid}/task`)) {
            const status = statusOf(`${pid}/task/${thread}`);
            assert.deepEqual(status.uids, [UID_BASE + UIDS - EXPORTERS - 1]);
            assertPowerless(status, "sandbox-tick");
            assert.ok(status.filtered, "no seccomp filter");
        }
    });

    test("sandbox-streamer: a uid of its own, own empty network, no capability, its system calls filtered", () => {
        const { pid } = server.process("sandbox-streamer");
        const status = statusOf(pid);
        assert.ok(status.uids.length === 1 && status.uids[0] >= UID_BASE + ACCOUNTS_MAX, `uid ${status.uids}`);
        assertPowerless(status, "sandbox-streamer");
        assert.ok(status.filtered, "no seccomp filter");
        assert.notEqual(namespaceOf(pid, "net"), namespaceOf("self", "net"));
        assert.notEqual(namespaceOf(pid, "net"), namespaceOf(server.process("Xvfb").pid, "net"));
        const interfaces = readFileSync(`/proc/${pid}/net/dev`, "utf8").trim().split("\n").slice(2);
        assert.deepEqual(interfaces.map((line) => line.split(":")[0].trim()).filter((name) => name === "eth0"), []);
    });
});

describe("started as a plain user", { skip: !isRoot && "the other tests run as one" }, () => {
    let server;
    let stream;

    before(async () => {
        server = await startServer({ user: NOBODY });
        stream = await watchedDesktop(server);
    });

    after(async () => {
        stream?.destroy();
        await server?.stop();
    });

    test("it says what is weaker", () => {
        assert.match(server.stderr, /weaker: every program runs as one user/);
        assert.match(server.stderr, /weaker: sandboxes share that user's id/);
        assert.match(server.stderr, /weaker: a sandbox's memory isn't limited/);
    });

    test("everything has that user's uid and no capability on the host", async () => {
        for (const name of ["sandbox-server", "sandboxd", "postgres", "sandbox-init", "Xvfb", "sandbox-streamer", "sandbox-egress", "sandbox-tick"]) {
            await until(name, () => server.processes(name).length > 0);
            for (const { pid } of server.processes(name)) {
                const status = statusOf(pid);
                assert.deepEqual(status.uids, [NOBODY.uid], name);
                assertPowerless(status, name);
            }
        }
        assert.ok(statusOf(server.process("sandbox-streamer").pid).filtered, "no seccomp filter");
    });
});
