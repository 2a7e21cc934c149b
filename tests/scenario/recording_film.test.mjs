// A recording becomes an MP4 file: what it shows and when, who makes it and with which powers, and what a hostile recording gets.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { readFramebuffer } from "../harness/framebuffer.mjs";
import { HEADER, download, recordingFile, records } from "../harness/recording.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";
import { WebSocketClient } from "../harness/websocket.mjs";

const HELLO = 0x01;
const ALIKE = 0.97; // SSIM
const PATIENCE_MS = 60000; // on a machine that is busy with other things
const EXPORT = join(process.env.PROGRAMS ?? "", "bin/sandbox-export");
const idOf = (number) => `01975fe0-0000-7000-8000-${String(number).padStart(12, "0")}`;

let server;
let admin;
let directory;
let recording;
let stream;
let account;
const work = mkdtempSync(join(tmpdir(), "film-"));

before(async () => {
    server = await startServer({ env: { RECORDING: "allowed", RECORDING_QUOTA_MB: "400" } });
    admin = await server.adminClient();
    directory = join(server.stateDir, "recordings");
});
after(async () => {
    await server?.stop();
    rmSync(work, { recursive: true });
});

const path = (id) => `/api/recordings/${id}/mp4`;
const begin = (id) => admin.request("POST", path(id));
const status = async (id) => (await admin.request("GET", path(id))).body;
const exporters = () => server.processes("sandbox-export");

// A recording as sandbox-server would have written it.
function put(id, bytes) {
    const file = join(directory, account, `${id}.stream`);
    writeFileSync(file, bytes, { mode: 0o600 });
    const { uid, gid } = statSync(join(directory, account));
    chownSync(file, uid, gid);
}

// The same again and again: a long recording, and a streamer that was replaced each time.
function repeated(id, times) {
    const once = records(stream);
    const length = once.at(-1).time + 1_000_000;
    const messages = Array.from({ length: times }, (_, i) => once.map(({ time, message }) => ({ time: time + i * length, message }))).flat();
    return recordingFile({ recording: id, account, messages });
}

function probe(file) {
    const output = execFileSync("ffprobe", ["-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json", file], { encoding: "utf8" });
    const { streams, format } = JSON.parse(output);
    return { video: streams.find(({ codec_type }) => codec_type === "video"), duration: Number(format.duration), streams };
}

// How alike two pictures are; both as raw RGBA.
function similarity(a, b, width, height) {
    const input = (file) => ["-f", "rawvideo", "-pix_fmt", "rgba", "-s", `${width}x${height}`, "-i", file];
    const { stderr } = spawnSync("ffmpeg", [...input(a), ...input(b), "-lavfi", "[0]format=rgb24[a];[1]format=rgb24[b];[a][b]ssim", "-f", "null", "-"], { encoding: "utf8" });
    return Number(/SSIM.* All:([\d.]+)/.exec(stderr)[1]);
}

function lastPicture(film, to) {
    execFileSync("ffmpeg", ["-v", "error", "-y", "-sseof", "-1", "-i", film, "-update", "1", "-f", "rawvideo", "-pix_fmt", "rgba", to]);
}

function firstPicture(film, to) {
    execFileSync("ffmpeg", ["-v", "error", "-y", "-i", film, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgba", to]);
}

const exported = (bytes) => {
    const [from, to] = [join(work, "hostile.stream"), join(work, "hostile.mp4")];
    rmSync(to, { force: true });
    writeFileSync(from, bytes);
    const { status: code, stderr } = spawnSync(EXPORT, [from, to], { encoding: "utf8" });
    return { code, stderr, film: to };
};

async function record() {
    const sandbox = await admin.startSandbox();
    const { body } = await admin.request("POST", `/api/sandboxes/${sandbox.id}/ticket`, { body: {} });
    const viewer = await WebSocketClient.open(server.url, body.path);
    await viewer.binary(HELLO);
    assert.equal((await admin.request("POST", `/api/sandboxes/${sandbox.id}/recording`)).status, 204);
    while (!(await viewer.notice("recording")).on);
    const item = (await admin.request("GET", "/api/recordings")).body.items[0];
    account = item.account;
    const file = join(directory, account, `${item.id}.stream`);
    await until("the first picture", () => records(readFileSync(file)).some(({ flags }) => flags === 1));
    const { message: hello } = records(readFileSync(file))[0];
    const [width, height] = [hello.readUInt16LE(6), hello.readUInt16LE(8)];
    // The window manager's menu opens: the last picture is not the first.
    const clicked = Date.now();
    const point = (serial, kind, length, ...rest) => {
        const message = Buffer.alloc(length);
        message[0] = kind;
        message.writeUInt32LE(serial, 4);
        message.writeUInt16LE(width / 2, 8);
        message.writeUInt16LE(height / 2, 10);
        Buffer.from(rest).copy(message, 12);
        viewer.send(message);
    };
    point(1, 0x84, 12);
    point(2, 0x85, 16, 3, 1);
    point(3, 0x85, 16, 3, 0);
    await until("the menu in the file", () => {
        const bytes = readFileSync(file);
        const frames = records(bytes).filter(({ message }) => message[0] >= 2 && message[0] <= 4);
        return Number(bytes.readBigUInt64LE(64)) / 1000 + frames.at(-1).time / 1000 > clicked;
    }, PATIENCE_MS);
    const places = () => records(readFileSync(file)).filter(({ message }) => message[0] === 0x40).map(({ message }) => message.readUInt32LE(4));
    await until("the pointer in the file", () => places().at(-1) === ((height / 2) << 16) + width / 2, PATIENCE_MS);
    const [xvfb] = server.processes("Xvfb");
    await until("all that the desktop shows in the file", () => {
        const { code, film } = exported(readFileSync(file));
        if (code !== 0) return false;
        lastPicture(film, join(work, "last"));
        writeFileSync(join(work, "framebuffer"), readFramebuffer(xvfb.pid, width, height));
        return similarity(join(work, "last"), join(work, "framebuffer"), width, height) > ALIKE;
    }, PATIENCE_MS);
    assert.equal((await begin(item.id)).status, 409);
    assert.equal((await admin.request("DELETE", `/api/sandboxes/${sandbox.id}/recording`)).status, 204);
    viewer.destroy();
    await until("the file's end", async () => (await begin(item.id)).status !== 409);
    return { ...item, width, height };
}

// How far two pictures differ where the pointer is, on average.
function differenceAt(a, b, stride, x, y) {
    let sum = 0;
    for (let row = 0; row < 12; row++)
        for (let i = 0; i < 8 * 4; i++) sum += Math.abs(a[((y + row) * stride + x) * 4 + i] - b[((y + row) * stride + x) * 4 + i]);
    return sum / (12 * 8 * 4);
}

test("the film shows what the desktop showed, when it did", async () => {
    recording = await record();
    await until("the film", async () => (await status(recording.id)).state === "ready", PATIENCE_MS);
    const { state, progress, bytes, problem } = await status(recording.id);
    assert.deepEqual({ state, progress, problem }, { state: "ready", progress: 1, problem: null });
    const film = await download(server.url, admin.token, `${path(recording.id)}/data`);
    assert.equal(film.length, bytes);
    writeFileSync(join(work, "film.mp4"), film);
    stream = await download(server.url, admin.token, `/api/recordings/${recording.id}/data`);
    const all = records(stream);
    const shown = all.find(({ flags }) => flags === 1).time;
    const { video, duration } = probe(join(work, "film.mp4"));
    assert.equal(video.codec_name, "h264");
    assert.deepEqual([video.width, video.height], [recording.width, recording.height]);
    assert.ok(Math.abs(duration - (all.at(-1).time - shown) / 1e6) < 0.1, `${duration} s`);
    assert.ok(Number(video.nb_read_frames) >= 2 && video.nb_read_frames === video.nb_frames);
    lastPicture(join(work, "film.mp4"), join(work, "last"));
    const alike = similarity(join(work, "last"), join(work, "framebuffer"), recording.width, recording.height);
    assert.ok(alike > ALIKE, `${alike}`);
    firstPicture(join(work, "film.mp4"), join(work, "first"));
    const other = similarity(join(work, "first"), join(work, "framebuffer"), recording.width, recording.height);
    assert.ok(other < alike, `the first picture: ${other}, the last: ${alike}`);
    assert.equal((await begin(recording.id)).status, 200);
    // The pointer, which the framebuffer does not show.
    const pointer = all.filter(({ message }) => message[0] === 0x40).at(-1).message;
    const [x, y] = [pointer.readUInt16LE(4), pointer.readUInt16LE(6)];
    assert.deepEqual([x, y], [recording.width / 2, recording.height / 2]);
    const [film_, desktop] = ["last", "framebuffer"].map((name) => readFileSync(join(work, name)));
    assert.ok(differenceAt(film_, desktop, recording.width, x, y) > 10);
    assert.ok(differenceAt(film_, desktop, recording.width, 40, 40) < 5);
});

test("an exporter has its two files and nothing else; two work at once, the rest waits", async () => {
    for (const number of [1, 2, 3]) put(idOf(number), repeated(idOf(number), 400));
    for (const number of [1, 2, 3]) assert.equal((await begin(idOf(number))).status, 202);
    // Each stands still once it is confined, so that none ends before the other is there.
    const confined = new Set();
    await until("two exporters that are confined", () => {
        for (const one of exporters()) {
            if (confined.has(one.pid) || !/Seccomp:\t2/.test(readFileSync(`/proc/${one.pid}/status`, "utf8"))) continue;
            process.kill(one.pid, "SIGSTOP");
            confined.add(one.pid);
        }
        return confined.size === 2;
    }, PATIENCE_MS);
    const [pid] = confined;
    assert.equal(exporters().length, 2);
    assert.equal((await status(idOf(3))).state, "waiting");
    const text = readFileSync(`/proc/${pid}/status`, "utf8");
    assert.match(text, /NoNewPrivs:\t1/);
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd"]) assert.match(text, new RegExp(`${set}:\t0{16}`));
    const server_ = server.process("sandbox-server").pid;
    for (const space of ["net", "mnt", "pid", "ipc", "user"]) assert.notEqual(readlinkSync(`/proc/${pid}/ns/${space}`), readlinkSync(`/proc/${server_}/ns/${space}`), space);
    if (process.getuid() === 0) {
        const uid = (name) => /Uid:\t(\d+)/.exec(readFileSync(`/proc/${name}/status`, "utf8"))[1];
        assert.notEqual(uid(pid), uid(server_));
    }
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    assert.equal(open.filter((target) => target.startsWith(directory)).length, 2, open.join());
    assert.ok(open.every((target) => target.startsWith(directory) || /^(\/dev\/null|\/null|pipe:|socket:)/.test(target)), open.join());
    for (const one of confined) process.kill(one, "SIGCONT");
    await until("progress", async () => (await status(idOf(1))).progress > 0, PATIENCE_MS);
});

test("an exporter that dies costs its film alone, which can be made again", async () => {
    for (const { pid } of exporters()) process.kill(pid, "SIGKILL");
    for (const number of [1, 2]) {
        const { problem } = await until("the failure", async () => { const now = await status(idOf(number)); return now.state === "failed" && now; });
        assert.match(problem, /could not be made/);
    }
    await until("the one that waited", async () => (await status(idOf(3))).state === "working");
    assert.equal((await begin(idOf(1))).status, 202);
});

test("a recording that is deleted takes its film along, made or not", async () => {
    await until("an exporter of the first", async () => (await status(idOf(1))).state === "working");
    for (const number of [1, 2, 3]) assert.equal((await admin.request("DELETE", `/api/recordings/${idOf(number)}`)).status, 204);
    await until("the exporters' end", () => exporters().length === 0);
    assert.equal((await admin.request("DELETE", `/api/recordings/${recording.id}`)).status, 204);
    await until("an empty directory", () => readdirSync(join(directory, account)).length === 0);
    assert.equal((await admin.request("GET", path(recording.id))).status, 404);
    assert.equal((await admin.request("GET", `${path(recording.id)}/data`, { headers: { range: "bytes=0-" } })).status, 404);
});

test("a film that finds no room is refused, and nothing is left of it", async () => {
    put(idOf(4), stream);
    put(idOf(5), recordingFile({ recording: idOf(5), account, messages: [] }));
    execFileSync("truncate", ["-s", String((400 << 20) - stream.length - 4096), join(directory, account, `${idOf(5)}.stream`)]);
    assert.equal((await begin(idOf(4))).status, 202);
    const { problem } = await until("the failure", async () => { const now = await status(idOf(4)); return now.state === "failed" && now; });
    assert.match(problem, /no room/);
    assert.deepEqual(readdirSync(join(directory, account)).sort(), [4, 5].map((number) => `${idOf(number)}.stream`));
    rmSync(join(directory, account, `${idOf(5)}.stream`));
});

test("what is wrong in a recording ends its film there", () => {
    const all = records(stream);
    const whole = exported(stream);
    assert.equal(whole.code, 0, whole.stderr);
    const frames = Number(probe(whole.film).video.nb_read_frames);
    const key = all.findIndex(({ flags }) => flags === 1);
    const make = (change) => {
        const messages = all.map(({ time, message }) => ({ time, message: Buffer.from(message) }));
        return recordingFile({ recording: idOf(6), account, messages: change(messages) ?? messages });
    };
    const hello = (width, height) => Buffer.concat([Buffer.from([1, 0, 0, 0, 1, 0, width & 255, width >> 8, height & 255, height >> 8, 60, 0, 11]), Buffer.from("avc1.42C028")]);
    const cases = {
        "a rectangle outside": (m) => void m.splice(key + 1, 0, { time: m[key].time, message: Buffer.concat([Buffer.from([3, 0, 0, 0]), Buffer.alloc(28), Buffer.from([255, 255, 0, 0, 8, 0, 8, 0, 2, 0, 0, 0]), Buffer.alloc(256)]) }),
        "an unknown kind": (m) => void m.splice(key + 1, 0, { time: m[key].time, message: Buffer.from([0x70, 0, 0, 0]) }),
        "a torn access unit": (m) => void m.splice(key + 1, 0, { time: m[key].time, message: m[key].message.subarray(0, 60) }),
        "time that falls": (m) => void m.splice(key + 1, 0, { time: 0, message: m[key].message }),
    };
    for (const [what, change] of Object.entries(cases)) {
        const { code, stderr, film } = exported(make(change));
        assert.equal(code, 0, `${what}: ${stderr}`);
        assert.match(stderr, /damaged/, what);
        assert.ok(Number(probe(film).video.nb_read_frames) <= frames, what);
    }
    // Nothing to see at all.
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(200), stream.subarray(0, HEADER), make(() => [{ time: 0, message: hello(1, 1) }]), make(() => [{ time: 0, message: hello(7680, 4320) }])])
        assert.equal(exported(bytes).code, 1);
});
