// What bounds recordings: quota, disk, age, floods of requests; and who gets them.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { download, recordingFile, records } from "../harness/recording.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";
import { WebSocketClient } from "../harness/websocket.mjs";

const CTL = fileURLToPath(new URL("../../scripts/ctl", import.meta.url));
const PASSWORD = "a long enough password";
const NOBODY = "01975fe0-0000-7000-8000-00000000000a";
const QUOTA_MB = 24;
const DISK_MB = 40;
const root = process.getuid() === 0;

const directory = mkdtempSync(join(tmpdir(), "recordings-"));
const place = (account, id) => join(directory, account, `${id}.stream`);
const idOf = (number) => `01975fe0-0000-7000-8000-${String(number).padStart(12, "0")}`;

// As sandbox-server's own file.
function write(path, bytes) {
    mkdirSync(join(path, ".."), { recursive: true, mode: 0o700 });
    writeFileSync(path, bytes, { mode: 0o600 });
    if (!root) return;
    const { uid, gid } = statSync(directory);
    chownSync(join(path, ".."), uid, gid);
    chownSync(path, uid, gid);
}

let server;
let admin;
let ada;
let bob;

async function signIn(name) {
    const { status, stderr } = spawnSync(CTL, ["user", "create", name, "--password-stdin"], {
        env: { PATH: process.env.PATH, HOME: server.stateDir, STATE_DIR: server.stateDir },
        input: `${PASSWORD}\n`,
        encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    const client = server.client();
    assert.equal((await client.login(name, PASSWORD)).status, 200);
    client.id = (await client.request("GET", "/api/users/me")).body.id;
    return client;
}

before(async () => {
    if (root) {
        execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MB}m`, "recordings", directory]);
        const [uid, gid] = ["-u", "-g"].map((flag) => Number(execFileSync("id", [flag, "sandbox-server"], { encoding: "utf8" })));
        chownSync(directory, uid, gid);
    }
    chmodSync(directory, 0o700);
    for (const [number, days] of [[1, 3], [2, 0]]) {
        write(place(NOBODY, idOf(number)), recordingFile({ recording: idOf(number), account: NOBODY, messages: [] }));
        const when = Date.now() / 1000 - days * 24 * 3600;
        utimesSync(place(NOBODY, idOf(number)), when, when);
    }
    const env = { RECORDING: "allowed", RECORDINGS_DIR: directory, RECORDING_QUOTA_MB: String(QUOTA_MB), RECORDING_RETENTION_DAYS: "1" };
    server = await startServer({ env });
    admin = await server.adminClient();
    [ada, bob] = [await signIn("ada"), await signIn("bob")];
});

after(async () => {
    await server?.stop();
    if (root) execFileSync("umount", [directory]);
    rmSync(directory, { recursive: true });
});

const list = async (client, query = "") => (await client.request("GET", `/api/recordings${query}`)).body;

async function open(client, id) {
    const { body } = await client.request("POST", `/api/sandboxes/${id}/ticket`, { body: {} });
    const opened = await WebSocketClient.open(server.url, body.path);
    opened.on("message", ({ binary, data }) => {
        if (!binary) opened.last = JSON.parse(data).type === "recording" ? JSON.parse(data) : opened.last;
        else if (data[0] >= 2 && data[0] <= 4) opened.send(Buffer.concat([Buffer.from([0x81, 0, 0, 0]), data.subarray(4, 8), Buffer.alloc(8)]));
    });
    return opened;
}

// Resolves with the first notice of the recording's state that fits.
async function told(viewer, wanted) {
    for (;;) {
        const notice = await viewer.notice("recording");
        if (wanted(notice)) return notice;
    }
}

let serial = 0;
// The window manager's menu opens and closes: the picture changes.
function changePicture(viewer) {
    const head = (kind, length) => {
        const message = Buffer.alloc(length);
        message[0] = kind;
        message.writeUInt32LE(++serial, 4);
        message.writeUInt16LE(100 + 10 * (serial % 20), 8);
        message.writeUInt16LE(100, 10);
        return message;
    };
    viewer.send(head(0x84, 12));
    for (const down of [1, 0]) {
        const button = head(0x85, 16);
        [button[12], button[13]] = [3, down];
        viewer.send(button);
    }
}

async function startRecording(client, viewer, id) {
    assert.equal((await client.request("POST", `/api/sandboxes/${id}/recording`)).status, 204);
    await told(viewer, ({ on }) => on);
    return (await list(client)).items.find((item) => item.sandbox === id);
}

let sandbox;
let viewer;
let recording;

test("what was last written to before the retention goes, the rest stays", async () => {
    await until("the old one's end", () => !existsSync(place(NOBODY, idOf(1))));
    assert.ok(existsSync(place(NOBODY, idOf(2))));
});

test("the list comes page by page, newest first", async () => {
    const ids = Array.from({ length: 25 }, (_, i) => idOf(100 + i)).reverse();
    for (const id of ids) write(place(bob.id, id), recordingFile({ recording: id, account: bob.id, messages: [] }));
    write(join(directory, bob.id, "README"), "no recording");
    const found = [];
    let cursor = "";
    for (const length of [10, 10, 5]) {
        const page = await list(bob, `?limit=10${cursor}`);
        assert.equal(page.items.length, length);
        found.push(...page.items.map(({ id }) => id));
        cursor = `&cursor=${page.next_cursor}`;
        assert.equal(page.next_cursor === null, length < 10);
    }
    assert.deepEqual(found, ids);
    assert.equal((await list(bob)).items.length, 20);
    for (const query of ["?limit=0", "?limit=101", "?limit=x", "?cursor=x", "?state=active", "?page=1", "?limit=1&limit=2"])
        assert.equal((await bob.request("GET", `/api/recordings${query}`)).status, 400, query);
    for (const id of ids) rmSync(place(bob.id, id));
});

test("its owner and administrators get a recording, nobody else", async () => {
    sandbox = await ada.startSandbox();
    viewer = await open(ada, sandbox.id);
    await viewer.binary(0x01);
    assert.equal((await bob.request("POST", `/api/sandboxes/${sandbox.id}/recording`)).status, 404);
    assert.equal((await admin.request("POST", `/api/sandboxes/${sandbox.id}/recording`)).status, 404);
    recording = await startRecording(ada, viewer, sandbox.id);
    assert.equal(recording.account, ada.id);
    const paths = ["/index", "/data"].map((part) => `/api/recordings/${recording.id}${part}`);
    const read = (client) => Promise.all(paths.map(async (path) => (await client.request("GET", path, { headers: { range: "bytes=0-" } })).status));
    assert.deepEqual([await read(ada), await read(admin), await read(bob)], [[200, 206], [200, 206], [404, 404]]);
    assert.deepEqual((await list(bob)).items, []);
    assert.deepEqual((await list(admin)).items.map(({ id }) => id), [recording.id, idOf(2)]);
    const remove = async (client) => (await client.request("DELETE", `/api/recordings/${recording.id}`)).status;
    assert.deepEqual([await remove(bob), await remove(ada), await remove(admin)], [404, 409, 409]);
});

test("a flood of requests is refused beyond a bound, and what is being recorded goes on", async () => {
    // A recording of tiny messages, as a sandbox can make it: its index is dear.
    const tiny = { time: 0, message: Buffer.from([0x09]) };
    const large = recordingFile({ recording: idOf(3), account: bob.id, messages: Array(30000).fill(tiny) });
    write(place(bob.id, idOf(3)), large);
    const size = () => statSync(place(ada.id, recording.id)).size;
    const before = size();
    const flood = Array.from({ length: 400 }, () => bob.request("GET", `/api/recordings/${idOf(3)}/index`));
    changePicture(viewer);
    await until("more of the recording", () => size() > before);
    const answers = await Promise.all(flood);
    const refused = answers.filter(({ status }) => status === 503);
    assert.ok(refused.length > 0 && refused.every(({ headers }) => Number(headers.get("retry-after")) > 0));
    assert.ok(answers.every(({ status }) => status === 200 || status === 503));
    assert.doesNotMatch(server.log, /A recording has failed/);
    rmSync(place(bob.id, idOf(3)));
});

test("a picture that never rests is written all the same", async () => {
    const before = statSync(place(ada.id, recording.id)).size;
    await until("more of the recording", () => {
        changePicture(viewer);
        return statSync(place(ada.id, recording.id)).size > before + 100;
    });
});

test("a still desktop adds nothing", async () => {
    const file = () => readFileSync(place(ada.id, recording.id));
    const age = (bytes) => Date.now() - Number(bytes.readBigUInt64LE(64)) / 1000 - records(bytes).at(-1).time / 1000;
    // Statistics come every two seconds while something happens. The panel's clock may go on: then it has to rest again.
    await until("nothing for a while", () => age(file()) > 4000, 30000);
});

test("a full disk ends a recording and its viewers are told; with room again another one is good", { skip: root ? false : "a small file system has to be mounted" }, async () => {
    const filler = join(directory, "filler");
    assert.throws(() => writeFileSync(filler, Buffer.alloc((DISK_MB + 1) << 20)), /ENOSPC/);
    // What is left of a block may take some of it.
    await until("the failure", () => {
        changePicture(viewer);
        return viewer.last.failed;
    });
    assert.equal(viewer.last.on, false);
    await until("the log", () => /A recording has failed.*No space left/.test(server.log));
    // It says what to do, and once.
    assert.equal(server.log.match(/recording has failed/g).length, 1);
    const kept = records(await download(server.url, ada.token, `/api/recordings/${recording.id}/data`));
    assert.ok(kept.some(({ flags }) => flags === 1));
    rmSync(filler);
    const next = await startRecording(ada, viewer, sandbox.id);
    await until("a key frame", async () => records(await download(server.url, ada.token, `/api/recordings/${next.id}/data`)).some(({ flags }) => flags === 1));
    assert.equal((await ada.request("DELETE", `/api/sandboxes/${sandbox.id}/recording`)).status, 204);
    await told(viewer, ({ on }) => !on);
});

test("a full quota lets no recording begin, until something is deleted", async () => {
    const old = idOf(4);
    write(place(ada.id, old), recordingFile({ recording: old, account: ada.id, messages: [] }));
    truncateSync(place(ada.id, old), QUOTA_MB << 20);
    assert.equal((await ada.request("POST", `/api/sandboxes/${sandbox.id}/recording`)).status, 204);
    await told(viewer, ({ failed }) => failed);
    await until("the log", () => /A recording has failed.*quota/i.test(server.log));
    assert.equal((await ada.request("DELETE", `/api/recordings/${old}`)).status, 204);
    recording = await startRecording(ada, viewer, sandbox.id);
});
