// What a running instance may run out of, for a while and under load (faults.mjs): database, connections, descriptors, memory, disk.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

import { isAlive, processTree, readOf, signal, userOf } from "./processes.mjs";
import { until } from "./until.mjs";

const REFUSALS = 20; // so many requests meet it
const CONNECTIONS = 8; // that do, and wait,
const WAITS = 5; // for so many of its looks
const picture = (trial) => trial.picture();

// Waits until so many further requests were not carried out: the shortage is felt, and stays for a while. keep: is called again and again until then.
async function refused(trial, keep = () => {}) {
    const sum = () => [...trial.load.answers].reduce((total, [status, times]) => total + (status === 0 || status >= 500 ? times : 0), 0);
    const goal = sum() + REFUSALS;
    const isReached = async () => {
        await keep();
        trial.load.check();
        return sum() >= goal;
    };
    await until(`${REFUSALS} requests that are not carried out`, isReached, 60000);
}

const ready = async (trial) => (await trial.server.client().request("GET", "/ready", { token: null })).body;
const health = async (trial) => (await trial.server.client().request("GET", "/health", { token: null })).status;

// The database does not answer: /ready says so, the process lives, and each refusal tells when to come again.
async function saysThatTheDatabaseIsGone(trial) {
    await until("the report of /ready", async () => (await ready(trial)).checks.database.ok === false);
    assert.equal(await health(trial), 200);
    const refusal = await until("a refusal", async () => {
        const answer = await trial.admin.request("GET", "/api/sandboxes");
        return answer.status === 503 && answer;
    });
    assert.match(refusal.headers.get("retry-after"), /^[1-9]\d*$/);
    assert.equal(refusal.body.type, "urn:sandbox-server:problem:database-unavailable");
}

// A connection of PostgreSQL's protocol that is used for nothing: true once it stands, false when it is refused.
function occupy(path) {
    const words = ["user", "sandbox_server", "database", "sandbox_server", "", ""];
    const text = Buffer.from(words.slice(0, -1).join("\0") + "\0", "latin1");
    const head = Buffer.alloc(8);
    head.writeInt32BE(8 + text.length, 0);
    head.writeInt32BE(3 << 16, 4); // version 3.0
    return new Promise((resolve, reject) => {
        const socket = connect(path, () => socket.write(Buffer.concat([head, text])));
        socket.on("data", (data) => {
            if (data.includes("FATAL")) resolve({ stands: false, socket });
            else if (data.at(-6) === 0x5a) resolve({ stands: true, socket }); // ReadyForQuery
        });
        socket.on("error", reject);
    });
}

async function withoutDatabase(trial) {
    // Without its access rules it can't start again, however often that is tried.
    const rules = join(trial.server.stateDir, "run/access/pg_hba.conf");
    renameSync(rules, `${rules}.away`);
    process.kill(trial.child("postgres", "sandbox-supervi").pid, "SIGINT");
    await saysThatTheDatabaseIsGone(trial);
    await refused(trial);
    renameSync(`${rules}.away`, rules);
}

// Takes every place that there is.
async function occupyAll(path, sockets) {
    for (let stands = true; stands; ) {
        const one = await occupy(path);
        sockets.push(one.socket);
        stands = one.stands;
    }
}

async function withoutConnections(trial) {
    const path = join(trial.server.stateDir, "run/postgres/.s.PGSQL.5432");
    const server = trial.child("sandbox-server", "sandbox-supervi");
    const sockets = [];
    await occupyAll(path, sockets);
    // Those of sandbox-server break, and others have their places before it comes back.
    process.kill(server.pid, "SIGSTOP");
    const own = processTree(trial.server.pid).filter(({ name, pid }) => name === "postgres" && /\[local\]/.test(readOf(pid, "cmdline")));
    for (const backend of own) signal(backend, "SIGTERM");
    await until("the end of its connections", () => !own.some(isAlive));
    await occupyAll(path, sockets);
    process.kill(server.pid, "SIGCONT");
    await saysThatTheDatabaseIsGone(trial);
    await refused(trial);
    for (const socket of sockets) socket.destroy();
}

// Sets a soft limit of a running program; only its own user may.
function setLimit(pid, limit) {
    const as = process.getuid() === 0 ? ["setpriv", `--reuid=${userOf(pid)}`, `--regid=${groupOf(pid)}`, "--clear-groups"] : [];
    const argv = [...as, "prlimit", `--pid=${pid}`, limit];
    execFileSync(argv[0], argv.slice(1), { stdio: ["ignore", "ignore", "inherit"] });
}

const groupOf = (pid) => Number(/^Gid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
const softLimit = (pid, name) => new RegExp(`^${name}\\s+(\\d+|unlimited)`, "m").exec(readFileSync(`/proc/${pid}/limits`, "utf8"))[1];
const cpuTicks = (pid) => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ").slice(11, 13).reduce((sum, value) => sum + Number(value), 0);

// More connections than sandbox-server can take: they wait, and it says so time and again.
async function connectionsWait({ server }) {
    const told = () => server.log.split("Connections wait").length;
    const goal = told() + WAITS;
    const sockets = [];
    const isFelt = () => {
        if (sockets.length < CONNECTIONS) sockets.push(connect(server.port, "127.0.0.1").on("error", () => {}));
        return told() >= goal;
    };
    await until("connections that wait", isFelt, 60000);
    for (const socket of sockets) socket.destroy();
}

// Nor can sandboxd start what takes more than it can open.
const startsFail = ({ admin }) =>
    until("a start that fails", async () => {
        const { status, body, text } = await admin.request("POST", "/api/sandboxes", { body: { template: "desktop" } });
        assert.ok(status === 503, `a desktop was started without descriptors: ${text}`);
        return body.type === "urn:sandbox-server:problem:start-failed";
    });

// A program that can't open anything more: it must wait for better times, neither spin nor end. isFelt: waits until somebody has met that.
const withoutDescriptors = (name, isFelt) => async (trial) => {
    const victim = trial.child(name, "sandbox-supervi");
    const before = softLimit(victim.pid, "Max open files");
    setLimit(victim.pid, `--nofile=${readdirSync(`/proc/${victim.pid}/fd`).length + 1}:`);
    const ticks = cpuTicks(victim.pid);
    const began = performance.now();
    await isFelt(trial);
    const used = (cpuTicks(victim.pid) - ticks) * 10;
    const lasted = performance.now() - began;
    setLimit(victim.pid, `--nofile=${before}:`);
    assert.ok(isAlive(victim), `${name} ended`);
    assert.ok(lasted < 500 || used < 0.8 * lasted, `${name} took ${used} ms of ${Math.round(lasted)} ms: it spins`);
};

async function withoutMemory(trial) {
    const victim = trial.child("sandbox-server", "sandbox-supervi");
    await trial.load.pause(); // a sign-in in progress would leave its memory to the next one
    const pages = Number(readFileSync(`/proc/${victim.pid}/statm`, "utf8").split(" ")[0]);
    setLimit(victim.pid, `--as=${pages * 4096 + (1 << 20)}:`); // no room for Argon2id, little for anything else
    const answer = await trial.server.client().login("admin", trial.server.adminPassword);
    assert.equal(answer.status, 503, answer.text);
    assert.match(answer.headers.get("retry-after"), /^[1-9]\d*$/);
    trial.load.resume();
    await trial.load.acknowledge(10);
    assert.ok(isAlive(victim), "sandbox-server ended");
    setLimit(victim.pid, "--as=unlimited:");
}

// As the cluster's own user, who alone may do this. True when it was done.
function asClusterUser(trial, statement) {
    const { uid, gid } = statSync(join(trial.server.stateDir, "database"));
    const path = join(trial.server.stateDir, "run/postgres");
    return new Promise((resolve) => execFile("psql", ["-X", "-q", "-h", path, "-U", "postgres", "-c", statement], { uid, gid, cwd: "/" }, (error) => resolve(!error)));
}

// The file system of the state directory, which must be the test's own.
async function withoutSpace(trial) {
    const filler = join(trial.server.stateDir, "filler");
    const piece = Buffer.alloc(1 << 16);
    const fd = openSync(filler, "w");
    const fill = () => {
        try {
            for (;;) writeSync(fd, piece);
        } catch (error) {
            assert.equal(error.code, "ENOSPC");
        }
    };
    fill();
    await until("the report of /ready", async () => {
        const { checks } = await ready(trial);
        return checks.storage.ok === false && /STORAGE_FREE_MIN_MB/.test(checks.storage.detail);
    });
    assert.equal(await health(trial), 200);
    // PostgreSQL has made files in store; when they are used up, it can't keep anything and ends. Started again, it may have some once more.
    const useUp = async () => {
        fill();
        return !(await asClusterUser(trial, "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000)); SELECT pg_switch_wal()"));
    };
    await until("the end of what PostgreSQL has in store", useUp, 60000);
    await refused(trial, useUp);
    assert.equal(await health(trial), 200);
    // PostgreSQL may have given back some space since.
    const backup = await until("a key that finds no space", async () => {
        const key = join(trial.server.stateDir, "full.key");
        rmSync(key, { force: true });
        fill();
        const outcome = await trial.load.ctl(["backup-key", key]);
        return outcome.status !== 0 && outcome;
    });
    assert.match(backup.err, /No space left/);
    closeSync(fd);
    rmSync(filler);
}

export const FULL_DISK = { name: "the disk is full", inflict: withoutSpace, mended: picture };

export const SHORTAGES = [
    { name: "PostgreSQL is gone", inflict: withoutDatabase, mended: picture },
    { name: "PostgreSQL's connections are used up", inflict: withoutConnections, mended: picture },
    { name: "sandbox-server has no descriptor left", inflict: withoutDescriptors("sandbox-server", connectionsWait), mended: picture },
    { name: "sandboxd has no descriptor left", inflict: withoutDescriptors("sandboxd", startsFail), mended: picture },
    { name: "sandbox-server has no memory left", inflict: withoutMemory, mended: picture },
];
