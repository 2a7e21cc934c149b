// Recording: what is in the file, who gets it, what happens when it can't be written, and what a crash leaves.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { HEADER, KEY, RECORD, download, records } from "../harness/recording.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";
import { WebSocketClient } from "../harness/websocket.mjs";

const HELLO = 0x01;

let server;
let admin;
before(async () => {
    server = await startServer({ env: { RECORDING: "required" } });
    admin = await server.adminClient();
});
after(() => server.stop());

async function open(client, id) {
    const { body, text } = await client.request("POST", `/api/sandboxes/${id}/ticket`, { body: {} });
    assert.ok(body.path, text);
    return WebSocketClient.open(server.url, body.path);
}

const recordings = async (client = admin) => (await client.request("GET", "/api/recordings")).body.items;

async function fetchBytes(client, path, range) {
    const response = await fetch(server.url + path, { headers: { authorization: `Bearer ${client.token}`, connection: "close", ...(range ? { range } : {}) } });
    return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
}

const wholeOf = ({ id }) => download(server.url, admin.token, `/api/recordings/${id}/data`);

let sandbox;
let recording;

test("where it is required, nobody sees anything before it records, and all are told", async () => {
    sandbox = await admin.startSandbox();
    assert.deepEqual(await recordings(), []);
    const client = await open(admin, sandbox.id);
    let first = null;
    client.on("message", (m) => m.binary && (first ??= m.data[0]));
    const notices = [];
    while (notices.at(-1)?.on !== true) notices.push(await client.notice("recording"));
    assert.equal(notices.at(-1).mode, "required");
    await client.binary(HELLO);
    [recording] = await until("the recording", async () => { const items = await recordings(); return items.length && items; });
    assert.equal(recording.sandbox, sandbox.id);
    assert.equal((await admin.request("DELETE", `/api/sandboxes/${sandbox.id}/recording`)).status, 403);
    // It goes on while nobody watches: the next one sees it is on at once.
    client.destroy();
    const next = await open(admin, sandbox.id);
    assert.equal((await next.notice("recording")).on, true);
    next.destroy();
});

test("the file is the stream: hello, a key frame, times that rise; the index points at key frames", async () => {
    const file = await until("frames in it", async () => {
        const bytes = await wholeOf(recording);
        return records(bytes).some(({ message }) => message[0] === 0x02) && bytes;
    });
    assert.equal(file.subarray(0, 8).toString("latin1"), "SBXREC\r\n");
    const all = records(file);
    assert.equal(all[0].message[0], HELLO);
    const keys = all.filter(({ flags }) => flags === 1);
    assert.ok(keys.length >= 1 && keys.every(({ message }) => message[0] === 0x02 && message[1] === 1));
    assert.ok(all.every(({ time }, i) => i === 0 || time >= all[i - 1].time));
    const sequences = all.filter(({ message }) => message[0] >= 2 && message[0] <= 4).map(({ message }) => message.readUInt32LE(4));
    assert.deepEqual(sequences, sequences.map((_, i) => i + 1));
    const index = (await fetchBytes(admin, `/api/recordings/${recording.id}/index`)).bytes;
    assert.equal(index.length % KEY, 0);
    const entry = (i) => [0, 8, 16, 24, 32].map((at) => Number(index.readBigUInt64LE(i * KEY + at)));
    assert.deepEqual(entry(0).slice(0, 3), [keys[0].time, keys[0].at, all[0].at]);
    const end = entry(index.length / KEY - 1);
    assert.ok(end[1] >= file.length && end[2] === 0);
});

test("without a viewer one streamer records", () => {
    assert.equal(server.processes("sandbox-streamer").length, 1);
});

test("ranges, and who may read or delete", async () => {
    const path = `/api/recordings/${recording.id}/data`;
    for (const range of [undefined, "bytes=", "bytes=5-2", "bytes=-5", "bytes=0-1,3-4", "items=0-1", `bytes=${"9".repeat(40)}-`])
        assert.equal((await fetchBytes(admin, path, range)).status, 400, `${range}`);
    assert.equal((await fetchBytes(admin, path, "bytes=99999999999-")).status, 416);
    assert.equal((await fetchBytes(admin, path, "bytes=0-0")).bytes.length, 1);
    assert.equal((await fetchBytes({ token: "x" }, path, "bytes=0-")).status, 401);
    assert.equal((await admin.request("GET", "/api/recordings/01975fe0-0000-7000-8000-000000000001/index")).status, 404);
});

test("a killed server leaves a file that is good, and begins another", async () => {
    const client = await open(admin, sandbox.id);
    await client.binary(HELLO);
    server.kill("sandbox-server");
    await client.ended();
    await until("the return", () => admin.request("GET", "/ready").then(({ status }) => status === 200, () => false));
    const good = records(await wholeOf(recording));
    assert.ok(good.length > 1 && good.some(({ flags }) => flags === 1));
    const again = await open(admin, sandbox.id);
    await again.binary(HELLO);
    assert.equal((await recordings()).length, 2);
    again.destroy();
    await admin.request("DELETE", `/api/sandboxes/${sandbox.id}`);
});

test("a torn end is cut from the index", async () => {
    const [account] = readdirSync(join(server.stateDir, "recordings"));
    const path = join(server.stateDir, "recordings", account, `${recording.id}.stream`);
    const whole = readFileSync(path);
    const last = records(whole).at(-1);
    writeFileSync(path, Buffer.concat([whole, whole.subarray(last.at, last.at + RECORD + 1)]));
    const { status, bytes } = await fetchBytes(admin, `/api/recordings/${recording.id}/index`);
    assert.equal(status, 200, bytes.toString());
    assert.equal(Number(bytes.readBigUInt64LE(bytes.length - KEY + 8)), whole.length);
    // Hostile: a length beyond every message, then no recording at all.
    const hostile = Buffer.from(whole);
    hostile.writeUInt32LE(0xffffffff, HEADER);
    writeFileSync(path, hostile);
    assert.equal((await fetchBytes(admin, `/api/recordings/${recording.id}/index`)).bytes.length, KEY);
    writeFileSync(path, "x".repeat(200));
    assert.equal((await fetchBytes(admin, `/api/recordings/${recording.id}/index`)).status, 404);
    assert.equal((await admin.request("DELETE", `/api/recordings/${recording.id}`)).status, 204);
    assert.equal((await admin.request("DELETE", `/api/recordings/${recording.id}`)).status, 404);
    assert.throws(() => statSync(path));
});

test("a recording that grows can't be deleted; when its file goes nevertheless it ends, and its viewers with it", async () => {
    const { id } = await admin.startSandbox();
    const viewer = await open(admin, id);
    await viewer.binary(HELLO);
    const running = (await recordings()).find((item) => item.sandbox === id);
    assert.equal((await admin.request("DELETE", `/api/recordings/${running.id}`)).status, 409);
    unlinkSync(join(server.stateDir, "recordings", running.account, `${running.id}.stream`));
    // The window manager's menu changes the picture.
    viewer.send(Buffer.from([0x84, 0, 0, 0, 1, 0, 0, 0, 100, 0, 100, 0]));
    for (const down of [1, 0]) viewer.send(Buffer.from([0x85, 0, 0, 0, 2 + (1 - down), 0, 0, 0, 100, 0, 100, 0, 3, down, 0, 0]));
    assert.equal((await viewer.ended()).code, 4008);
    await until("the log", () => /A recording has failed.*Stale/.test(server.log));
    await admin.request("DELETE", `/api/sandboxes/${id}`);
});

test("what can't be written is not shown", async () => {
    const directory = mkdtempSync(join(tmpdir(), "recordings-"));
    const tight = await startServer({ env: { RECORDING: "required", RECORDINGS_DIR: join(directory, "none") } });
    try {
        const client = await tight.adminClient();
        const { id } = await client.startSandbox();
        const { body } = await client.request("POST", `/api/sandboxes/${id}/ticket`, { body: {} });
        const viewer = await WebSocketClient.open(tight.url, body.path);
        let shown = false;
        viewer.on("message", (m) => (shown ||= m.binary));
        assert.equal((await viewer.ended()).code, 4008);
        assert.equal(shown, false);
        await until("the log", () => /A recording has failed/.test(tight.log));
    } finally {
        await tight.stop();
        rmSync(directory, { recursive: true });
    }
});
