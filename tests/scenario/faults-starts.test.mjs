// A start that is cut off at a chosen point: by the end of sandbox-server, of a connection to the database, of a row. Whoever asks for it, then or with the same
// key again, is answered, what is told agrees with what runs, and nothing is left that nobody has.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { isAlive } from "../harness/processes.mjs";
import { startServer } from "../harness/server.mjs";
import { SqlSession, sql } from "../harness/sql.mjs";
import { until } from "../harness/until.mjs";

const ANSWER_MS = 40000; // a start is given up after 30 s
const HELD = 4711; // whoever has this lock of the database holds up each commit of a new sandbox, without any time limit
const HOLD = `CREATE FUNCTION hold_commit() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock_shared(${HELD}); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER hold_commit AFTER INSERT ON sandboxes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold_commit()`;

let server, admin, account, holder, locker, watcher;
let keys = 0;

before(async () => {
    server = await startServer({ env: { SANDBOX_POOL_DESKTOP: "0", SANDBOX_MAX_PER_USER: "2" } });
    admin = await server.adminClient();
    account = (await admin.request("GET", "/api/users/me")).body.id;
    sql(server, HOLD);
    [holder, locker, watcher] = [new SqlSession(server), new SqlSession(server), new SqlSession(server)];
});

after(async () => {
    await Promise.all([holder, locker, watcher].map((session) => session?.end()));
    await server?.stop();
});

const newKey = () => `start ${++keys}`;
const start = (key) =>
    admin.request("POST", "/api/sandboxes", { body: { template: "desktop" }, headers: { "idempotency-key": key }, signal: AbortSignal.timeout(ANSWER_MS) });
const idOf = async (session, key) => (await session.run(`SELECT id FROM sandboxes WHERE idempotency_key = '${key}'`))[0];
const stop = (id) => admin.request("DELETE", `/api/sandboxes/${id}`);
const inLog = (pattern) => until(`the log of ${pattern}`, () => pattern.test(server.log), ANSWER_MS);

// The first answer of a sandbox-server that is there and has compared sandboxd's list with the rows.
function answered(key) {
    const answer = async () => {
        const found = await start(key).catch((error) => (error.name === "TimeoutError" ? Promise.reject(error) : null));
        return found && !/being restarted/.test(found.text) && found;
    };
    return until(`an answer for ${key}`, answer, ANSWER_MS);
}

// The sandbox of that key, however often it has to be asked for.
async function settled(key) {
    const answer = await until(`the sandbox of ${key}`, async () => {
        const found = await answered(key);
        return found.status < 500 && found;
    });
    assert.equal(answer.status, 201, answer.text);
    return answer.body;
}

// The backends that wait for a lock while they carry out such a statement.
const waiting = (statement, type = "relation") =>
    watcher.run(`SELECT a.pid FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND NOT l.granted AND l.locktype = '${type}' WHERE a.query LIKE '${statement}'`);
const waiter = (statement, type) => until(`a wait of ${statement}`, async () => (await waiting(statement, type))[0]);

// A start whose row is written and not yet committed: its answer, and the backend.
async function heldStart(key) {
    await holder.run(`SELECT pg_advisory_lock(${HELD})`);
    const answer = start(key).catch(() => null);
    return { answer, pid: await waiter("%sandbox_insert%", "advisory") };
}

const release = () => holder.run(`SELECT pg_advisory_unlock(${HELD})`);

// Has the table from the commit of the held start on, ahead of whatever comes after it.
async function takeTable(mode) {
    const taken = locker.run(`BEGIN; LOCK TABLE sandboxes IN ${mode} MODE`);
    await waiter("LOCK TABLE%");
    await release();
    await taken;
}

// sandbox-server is killed; the next one has sandboxd's list, and waits for the rows.
async function restartWithoutRows() {
    const greetings = server.log.split("sandboxd answers").length;
    await locker.run("BEGIN; LOCK TABLE sandboxes IN ACCESS EXCLUSIVE MODE");
    server.kill("sandbox-server");
    await until("the next sandbox-server", () => server.log.split("sandboxd answers").length > greetings, ANSWER_MS);
    await waiter("%<> ''ended'' ORDER BY s.id DESC");
}

const homes = () => join(server.stateDir, "homes");

// No home is made until this ends; so a start of somebody without one is under way for as long.
async function holdHomes() {
    const child = spawn("flock", [homes(), "sh", "-c", "echo held; read line"], { stdio: ["pipe", "pipe", "inherit"] });
    await once(child.stdout, "data");
    return async () => {
        const exited = once(child, "exit");
        child.stdin.end();
        await exited;
    };
}

// A builder that waits for the homes (proc(5), /proc/locks).
function homeIsWaitedFor() {
    const { ino } = statSync(homes());
    return readFileSync("/proc/locks", "utf8").split("\n").some((line) => line.includes("-> FLOCK") && line.includes(`:${ino} `));
}

// The start of somebody who has no home yet is under way when sandbox-server is killed, and over before the next one has read the rows.
async function overWhileNobodyHears(key, over) {
    const freeHomes = await holdHomes();
    const cut = start(key).catch(() => null);
    await until("the start", homeIsWaitedFor);
    await restartWithoutRows();
    assert.equal(await cut, null);
    const id = await idOf(locker, key);
    await over(freeHomes, id);
    await locker.run("COMMIT");
    return id;
}

test("a start that fails while sandbox-server is away is told as failed, and why", async () => {
    const key = newKey();
    const path = join(homes(), account);
    const id = await overWhileNobodyHears(key, async (freeHomes, sandbox) => {
        symlinkSync("nowhere", path); // no home
        await freeHomes();
        await inLog(new RegExp(`did not start.*${sandbox}`));
    });
    unlinkSync(path);
    assert.match((await answered(key)).text, /at the stage \\?"home|ended/);
    const { state, stop: end } = await admin.sandbox(id);
    assert.deepEqual([state, end.reason], ["ended", "start_failed"]);
    assert.match(end.detail, /at the stage "home/);
});

test("a start that succeeds while sandbox-server is away is told as running", async () => {
    const key = newKey();
    const id = await overWhileNobodyHears(key, async (freeHomes, sandbox) => {
        await freeHomes();
        await inLog(new RegExp(`sandbox ready.*${sandbox}`));
    });
    const { status, body, text } = await answered(key);
    assert.equal(status, 201, text);
    assert.deepEqual([body.id, body.state, body.start], [id, "running", "cold"]);
    assert.equal((await stop(id)).body.state, "ended");
});

test("the reason of an end while sandbox-server is away is not lost", async () => {
    const { id } = await settled(newKey());
    const xvfb = server.process("Xvfb");
    await restartWithoutRows();
    process.kill(xvfb.pid, "SIGKILL");
    await inLog(new RegExp(`sandbox ended.*${id}`));
    await locker.run("COMMIT");
    await until("the end", async () => (await admin.sandbox(id).catch(() => null))?.state === "ended");
    assert.equal((await admin.sandbox(id)).stop.reason, "display");
});

test("a start whose row is gone is answered, and its sandbox ends", async () => {
    const key = newKey();
    const { answer } = await heldStart(key);
    await takeTable("EXCLUSIVE"); // which lets others read
    await waiter("UPDATE sandboxes SET state = ''running''%");
    const xvfb = server.process("Xvfb");
    await locker.run(`DELETE FROM sandboxes WHERE idempotency_key = '${key}'; COMMIT`);
    const refusal = await answer;
    assert.equal(refusal?.status, 503, refusal?.text ?? "there was no answer");
    await until("the end of its X server", () => !isAlive(xvfb));
});

for (const [how, ask] of [
    ["asked for again", (key) => settled(key)],
    ["stopped", async (key, id) => (await until("an answer", async () => (await stop(id).then(({ status }) => status === 200, () => false)))) && settled(key)],
]) {
    test(`a row that the database wrote for a sandbox-server that was gone ends when it is ${how}`, async () => {
        const key = newKey();
        const { answer } = await heldStart(key);
        server.kill("sandbox-server");
        assert.equal(await answer, null);
        await until("a comparison without that row", () => admin.request("GET", "/ready").then(({ status }) => status === 200, () => false));
        await release();
        const id = await until("the row", () => idOf(watcher, key));
        const { state, stop: end } = await ask(key, id);
        assert.deepEqual([state, end.reason], ["ended", "node_restart"]);
    });
}

test("a row whose answer from the database was lost does not stay", async () => {
    const key = newKey();
    const { answer, pid } = await heldStart(key);
    await takeTable("ACCESS EXCLUSIVE");
    await until("the question after the commit", async () => (await waiting("SELECT s.id%")).includes(pid));
    await watcher.run(`SELECT pg_terminate_backend(${pid})`);
    assert.equal((await answer).status, 503);
    await locker.run("COMMIT");
    const id = await idOf(watcher, key);
    await until("its end", async () => (await admin.sandbox(id)).state === "ended");
    assert.equal((await settled(key)).stop.reason, "node_restart");
});

test("who asks twice at once is told of one sandbox that runs, whichever answer of the database comes first", async (t) => {
    const key = newKey();
    const { answer: first, pid } = await heldStart(key);
    const second = start(key);
    const other = await waiter("%sandbox_insert%", "transactionid");
    await takeTable("ACCESS EXCLUSIVE");
    await until("the question after the commit", async () => (await waiting("SELECT s.id%")).includes(pid));
    process.kill(Number(pid), "SIGSTOP");
    try {
        await locker.run("COMMIT");
        const isTold = `SELECT 1 FROM pg_stat_activity WHERE pid = ${other} AND state = 'idle' AND query LIKE 'SELECT s.id%'`;
        await until("the later one's answer", async () => (await watcher.run(isTold)).length === 1);
    } finally {
        process.kill(Number(pid), "SIGCONT");
    }
    const answers = await Promise.all([first, second]);
    t.diagnostic(`answered with ${answers.map(({ status }) => status).join(" and ")}`);
    // A database that was held up for seconds may have been given up.
    for (const { status, body, text } of answers) assert.ok(status === 201 ? body.state === "running" : status === 503, text);
    const { id, state } = await settled(key);
    for (const { status, body } of answers) if (status === 201) assert.deepEqual([body.id, state], [id, "running"]);
    assert.equal((await stop(id)).body.state, "ended");
});

test("nothing is left that takes a place", async () => {
    const places = await Promise.all([settled(newKey()), settled(newKey())]);
    for (const { id } of places) assert.equal((await stop(id)).status, 200);
});
