// Every program of a running instance is killed in turn: the others go on, and it comes back.
import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { isAlive, processTree } from "../harness/processes.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";
import { WebSocketClient } from "../harness/websocket.mjs";

const GUESTS = 15;
const PATIENCE_MS = 3000; // of sandbox-server with who asks before it knows its sandboxes

let server;
let client;

before(async () => {
    server = await startServer();
    client = await server.adminClient();
});

after(() => server?.stop());

async function ended(id) {
    await until("the sandbox's end", async () => (await client.sandbox(id)).state === "ended");
    return (await client.sandbox(id)).stop;
}

async function killedComesBack(name, signal = "SIGKILL") {
    const killed = mainProcess(name);
    process.kill(killed.pid, signal);
    await until(`the end of ${name}`, () => !isAlive(killed));
    await until(`another ${name}`, () => mainProcess(name) && mainProcess(name).pid !== killed.pid);
}

// The one that the supervisor started, not its children of the same name.
const mainProcess = (name) => processTree(server.pid).find((process) => process.name === name && process.parent === server.pid && isAlive(process));

const ready = () => until("readiness", async () => (await client.request("GET", "/ready", { token: null })).status === 200);

async function startAgain() {
    await ready();
    const { id } = await client.startSandbox();
    return id;
}

async function openStream(id) {
    const ticket = await client.request("POST", `/api/sandboxes/${id}/ticket`, { body: {} });
    assert.equal(ticket.status, 201, ticket.text);
    const stream = await WebSocketClient.open(server.url, ticket.body.path, { headers: { Origin: server.url } });
    await stream.notice("session");
    return stream;
}

test("sandboxd: its sandboxes end with reason node_restart, a new one starts", async () => {
    const { id } = await client.startSandbox();
    const xvfb = server.process("Xvfb");
    await killedComesBack("sandboxd");
    await until("the end of the sandbox's processes", () => !isAlive(xvfb));
    assert.equal((await ended(id)).reason, "node_restart");
    const next = await startAgain();
    assert.equal((await client.sandbox(next)).state, "running");
    assert.equal((await client.request("DELETE", `/api/sandboxes/${next}`)).status, 200);
    assert.equal((await ended(next)).reason, "user");
});

test("sandbox-server: the sandbox lives on and the tokens stay valid", async () => {
    const id = await startAgain();
    const xvfb = server.process("Xvfb");
    await killedComesBack("sandbox-server");
    await until("an answer", () => client.request("GET", "/health", { token: null }).then(({ status }) => status === 200, () => false));
    await ready();
    assert.equal((await client.sandbox(id)).state, "running");
    assert.ok(isAlive(xvfb));
    await client.request("DELETE", `/api/sandboxes/${id}`);
    await ended(id);
});

test("a page that asks before sandbox-server knows its sandboxes gets a ticket that is good, or is told to come again", async () => {
    const id = await startAgain();
    const share = async () => (await client.request("POST", `/api/sandboxes/${id}/shares`, { body: { access: "view", expires_in: 600 } })).body;
    const [kept, revoked] = [await share(), await share()];
    const leaver = await server.adminClient();
    const daemon = mainProcess("sandboxd");
    const page = (of) => of.request("POST", `/api/sandboxes/${id}/ticket`, { body: {} });
    const guest = ({ path }) => server.client().request("POST", "/api/shares/ticket", { body: { token: path.split("#")[1] }, token: null });
    // Twice so many links that do not work would be too many.
    const ask = () => [page(client), ...Array.from({ length: GUESTS }, () => guest(kept))];
    const askAll = () => Promise.all([guest(revoked), page(leaver), ...ask()]);
    const EXPECTED = [404, 401, ...Array(GUESTS + 1).fill(201)];
    const statuses = (answers) => answers.map(({ status }) => status);
    process.kill(daemon.pid, "SIGSTOP");
    try {
        await killedComesBack("sandbox-server");
        await until("an answer", () => client.request("GET", "/health", { token: null }).then(({ status }) => status === 200, () => false));
        for (const answer of await Promise.all(ask())) {
            assert.equal(answer.status, 503, answer.text);
            assert.equal(answer.headers.get("retry-after"), "1");
        }
        const since = performance.now();
        const asked = askAll();
        assert.equal((await client.sandbox(id)).state, "running"); // by then it has those who asked
        const ends = await Promise.all([client.request("DELETE", `/api/sandboxes/${id}/shares/${revoked.id}`), leaver.logout()]);
        assert.deepEqual(statuses(ends), [204, 204]);
        process.kill(daemon.pid, "SIGCONT");
        let [answers, took] = await Promise.all([asked, ready().then(() => performance.now() - since)]);
        if (took >= PATIENCE_MS) { // a slow machine: it was right to tell some to come again
            assert.deepEqual(answers.filter(({ status }, i) => status !== 503 && status !== EXPECTED[i]), []);
            answers = await askAll();
        }
        assert.deepEqual(statuses(answers), EXPECTED);
        for (const answer of answers.slice(2, 4)) {
            const stream = await WebSocketClient.open(server.url, answer.body.path, { headers: { Origin: server.url } });
            await stream.binary(0x01);
            stream.destroy();
        }
    } finally {
        process.kill(daemon.pid, "SIGCONT");
    }
    await client.request("DELETE", `/api/sandboxes/${id}`);
    await ended(id);
});

for (const signal of ["SIGKILL", "SIGQUIT"]) {
    test(`postgres by ${signal}: 503 with Retry-After meanwhile, the sandbox and its stream go on`, async () => {
        const id = await startAgain();
        const stream = await openStream(id);
        await stream.binary(0x01);
        // Without its access rules it can't start again, however often that is tried.
        const rules = join(server.stateDir, "run/access/pg_hba.conf");
        renameSync(rules, `${rules}.away`);
        process.kill(mainProcess("postgres").pid, signal);
        const refusal = await until("an answer without a database", async () => {
            const answer = await client.request("GET", "/api/sandboxes");
            return answer.status === 503 && answer;
        });
        assert.match(refusal.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
        assert.match(refusal.headers.get("content-type"), /problem\+json/);
        renameSync(`${rules}.away`, rules);
        await ready();
        assert.equal((await client.sandbox(id)).state, "running");
        stream.send(Buffer.from([0x8a, 0, 0, 0])); // refresh: the streamer answers with a key frame
        await stream.binary(0x02);
        stream.destroy();
        await client.request("DELETE", `/api/sandboxes/${id}`);
        await ended(id);
    });
}

for (const [name, reason] of [["sandbox-init", "crash"], ["Xvfb", "display"]]) {
    test(`${name}: the sandbox ends with reason ${reason}, nothing of it is left`, async () => {
        const id = await startAgain();
        const inside = processTree(server.process("sandbox-init").pid);
        server.kill(name);
        const stop = await ended(id);
        assert.equal(stop.reason, reason);
        assert.ok(stop.detail.length > 10, "people get no sentence");
        await until("the end of everything inside", () => !inside.some(isAlive));
    });
}

test("a program that keeps dying is started again with growing pauses, and the instance still stops", async () => {
    // As soon as it is there: one that has run for a while has its pauses start anew.
    for (let killed = null, i = 0; i < 3; i++) {
        killed = await until("another sandbox-server", () => server.processes("sandbox-server").find(({ pid }) => pid !== killed?.pid));
        process.kill(killed.pid, "SIGKILL");
    }
    await until("a longer pause", () => /sandbox-server was ended by signal 9 \(Killed\); starting it again in 0\.[1-9] s/.test(server.stderr));
    await until("sandbox-server again", async () => (await server.client().request("GET", "/ready", { token: null }).catch(() => null))?.status === 200);
});
