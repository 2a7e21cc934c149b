// A recording becomes an MP4 file: what it shows and when, who makes it and with which powers, and what a hostile recording gets.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, closeSync, constants, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { readFramebuffer } from "../harness/framebuffer.mjs";
import { HEADER, RECORD, download, recordingFile, records } from "../harness/recording.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";
import { WebSocketClient } from "../harness/websocket.mjs";

const HELLO = 0x01;
const ALIKE = 0.97; // SSIM
const LIPS_S = 0.08; // sound and picture
const OPUS_BYTES = 120; // 10 ms of 96 kbit/s
const PATIENCE_MS = 60000; // on a machine that is busy with other things
const QUOTA = 400 << 20;
const OTHER = "01975fe0-0000-7000-8000-0000000000aa"; // an account of which nothing is known but its recordings
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
    server = await startServer({ env: { RECORDING: "allowed", RECORDING_QUOTA_MB: String(QUOTA >> 20) } });
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
function put(id, bytes, owner = account) {
    const { uid, gid } = statSync(directory);
    const file = join(directory, owner, `${id}.stream`);
    mkdirSync(join(directory, owner), { recursive: true, mode: 0o700 });
    writeFileSync(file, bytes, { mode: 0o600 });
    chownSync(join(directory, owner), uid, gid);
    chownSync(file, uid, gid);
}

// Each stands still once it is confined, so that none ends before the others are there.
async function thatStand(count) {
    const standing = new Set();
    await until("exporters that are confined", () => {
        for (const one of exporters()) {
            if (standing.has(one.pid) || !/Seccomp:\t2/.test(readFileSync(`/proc/${one.pid}/status`, "utf8"))) continue;
            process.kill(one.pid, "SIGSTOP");
            standing.add(one.pid);
        }
        return standing.size === count;
    }, PATIENCE_MS);
    return [...standing];
}

const roomOf = (pid) => Number(/Max file size +(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))[1]);
const usedBy = (owner, ending) => readdirSync(join(directory, owner)).filter((name) => name.endsWith(ending)).reduce((sum, name) => sum + statSync(join(directory, owner, name)).size, 0);

// A small display, with clocks of its time.
function smallStream() {
    const all = records(readFileSync(new URL("../fuzz/corpus/export/stream", import.meta.url))).slice(0, 9);
    for (const record of all.filter(isTimed)) record.message.writeBigUInt64LE(BigInt(record.time) + 1_000_000_000n, 12);
    return all;
}

// The same again and again: a long recording, and a streamer that was replaced each time.
function repeated(id, times, once = records(stream)) {
    const length = once.at(-1).time + 1_000_000;
    const messages = Array.from({ length: times }, (_, i) => once.map(({ time, message }) => ({ time: time + i * length, message }))).flat();
    return recordingFile({ recording: id, account, messages });
}

function probe(file) {
    const output = execFileSync("ffprobe", ["-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json", file], { encoding: "utf8" });
    const { streams, format } = JSON.parse(output);
    return { video: streams.find(({ codec_type }) => codec_type === "video"), duration: Number(format.duration), streams };
}

// When a stream of a film ends, in seconds. Each packet lasts until the next one begins: players differ in what they make of a hole, and leave out what lasts no time.
function endOf(film, type) {
    const packets = execFileSync("ffprobe", ["-v", "error", "-select_streams", type, "-show_entries", "packet=pts_time,duration_time", "-of", "csv=p=0", film], { encoding: "utf8" });
    let end = 0;
    for (const [begin, length] of packets.trim().split("\n").map((line) => line.split(",").map(Number))) {
        assert.ok(Math.abs(begin - end) < 1e-4, `${begin} behind ${end}`);
        assert.ok(length > 0, `${begin} lasts ${length}`);
        end = begin + length;
    }
    return end;
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

const capturedOf = ({ message }) => Number(message.readBigUInt64LE(message[0] === 7 ? 4 : 12));
const isTimed = ({ message }) => (message[0] >= 2 && message[0] <= 4) || message[0] === 7;

// When a picture or sound was taken: its streamer's clock, by the message that came soonest.
function momentOf(all, record) {
    const soonest = Math.min(...all.filter(isTimed).map((one) => one.time - capturedOf(one)));
    return capturedOf(record) + soonest;
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
    // Whole with the answer.
    const { size } = statSync(file);
    assert.equal((await admin.request("GET", "/api/recordings")).body.items[0].recording, false);
    assert.equal((await begin(item.id)).status, 202);
    assert.equal(statSync(file).size, size);
    viewer.destroy();
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
    const { video, duration, streams } = probe(join(work, "film.mp4"));
    assert.equal(video.codec_name, "h264");
    assert.equal(streams.length, 1); // nothing sounded
    assert.deepEqual([video.width, video.height], [recording.width, recording.height]);
    const shown = momentOf(all, all.find(({ flags }) => flags === 1));
    assert.ok(Math.abs(duration - (all.at(-1).time - shown) / 1e6) < 0.1, `${duration} s`);
    assert.ok(Number(video.nb_read_frames) >= 2 && video.nb_read_frames === video.nb_frames);
    assert.ok(Math.abs(endOf(join(work, "film.mp4"), "v") - duration) < 0.001);
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
    const standing = await thatStand(2);
    const [pid] = standing;
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
    for (const one of standing) process.kill(one, "SIGCONT");
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

const remove = async (...numbers) => {
    for (const number of numbers) assert.equal((await admin.request("DELETE", `/api/recordings/${idOf(number)}`)).status, 204);
};

test("what an account has left is not promised twice; another one's film goes before its third", async () => {
    for (const number of [1, 2, 3]) put(idOf(number), repeated(idOf(number), 400));
    put(idOf(7), repeated(idOf(7), 400), OTHER);
    for (const number of [1, 2, 3]) assert.equal((await begin(idOf(number))).status, 202);
    const standing = await thatStand(2);
    assert.ok(standing.every((one) => roomOf(one) > 1 << 20), standing.map(roomOf).join());
    const promised = standing.reduce((sum, one) => sum + roomOf(one), 0);
    const left = QUOTA - usedBy(account, ".stream");
    assert.ok(promised <= left && promised > left - 16, `${promised} of ${left}`);
    assert.equal((await begin(idOf(7))).status, 202);
    process.kill(standing[0], "SIGKILL");
    const states = () => Promise.all([3, 7].map(async (number) => (await status(idOf(number))).state));
    assert.deepEqual(await until("the next one", async () => { const now = await states(); return now.includes("working") && now; }), ["waiting", "working"]);
    await remove(1, 2, 3, 7);
    await until("the exporters' end", () => exporters().length === 0);
});

test("a film that is too large for its share is made with all the room there is", async () => {
    const small = repeated(idOf(4), 20, smallStream());
    put(idOf(4), small);
    const made = exported(small);
    assert.equal(made.code, 0, made.stderr);
    const { size } = statSync(made.film);
    put(idOf(5), recordingFile({ recording: idOf(5), account, messages: [] }));
    execFileSync("truncate", ["-s", String(QUOTA - small.length - Math.round(size * 1.5)), join(directory, account, `${idOf(5)}.stream`)]);
    assert.equal((await begin(idOf(4))).status, 202);
    await until("the film", async () => (await status(idOf(4))).state === "ready", PATIENCE_MS);
    assert.ok((await status(idOf(4))).bytes > size * 0.75);
    await remove(4, 5);
});

test("a film gives way to what was recorded while it was made", async () => {
    put(idOf(4), repeated(idOf(4), 150, smallStream()));
    assert.equal((await begin(idOf(4))).status, 202);
    const [pid] = await thatStand(1);
    put(idOf(5), recordingFile({ recording: idOf(5), account, messages: [] }));
    const place = (number) => join(directory, account, `${idOf(number)}.stream`);
    execFileSync("truncate", ["-s", String(QUOTA - statSync(place(4)).size), place(5)]);
    process.kill(pid, "SIGCONT");
    const { problem } = await until("the failure", async () => { const now = await status(idOf(4)); return now.state === "failed" && now; }, PATIENCE_MS);
    assert.match(problem, /no room/);
    assert.deepEqual(readdirSync(join(directory, account)).sort(), [4, 5].map((number) => `${idOf(number)}.stream`));
    await remove(4, 5);
});

test("the end of a recording is answered in time, also when the disk is not", async () => {
    const { id } = await admin.startSandbox();
    const { body } = await admin.request("POST", `/api/sandboxes/${id}/ticket`, { body: {} });
    const viewer = await WebSocketClient.open(server.url, body.path);
    assert.equal((await admin.request("POST", `/api/sandboxes/${id}/recording`)).status, 204);
    while (!(await viewer.notice("recording")).on);
    const item = async () => (await admin.request("GET", "/api/recordings")).body.items.find(({ sandbox }) => sandbox === id);
    const { id: ended } = await item();
    // Both workers of the disk wait for somebody who writes into what they take for recordings.
    for (const number of [1, 2, 3, 4]) put(idOf(number), repeated(idOf(number), 400, smallStream()));
    for (const number of [1, 2]) assert.equal((await begin(idOf(number))).status, 202);
    const standing = await thatStand(2);
    const pipes = [];
    try {
        for (const number of [3, 4]) {
            assert.equal((await begin(idOf(number))).status, 202);
            const file = join(directory, account, `${idOf(number)}.stream`);
            const { uid, gid } = statSync(file);
            rmSync(file);
            execFileSync("mkfifo", ["-m", "600", file]);
            chownSync(file, uid, gid);
            pipes.push(file);
        }
        for (const one of standing) process.kill(one, "SIGKILL");
        await until("both films' ends", async () => (await Promise.all([1, 2].map((number) => status(idOf(number))))).every(({ state }) => state === "failed"));
        const answer = await admin.request("DELETE", `/api/sandboxes/${id}/recording`);
        assert.deepEqual([answer.status, answer.body], [202, { state: "ending" }]);
        assert.equal((await begin(ended)).status, 409); // the list would wait too
    } finally {
        pipes.splice(0, 2, ...pipes.map((file) => openSync(file, constants.O_RDWR | constants.O_NONBLOCK)));
    }
    await until("the end of its file", async () => !(await item()).recording);
    assert.equal((await admin.request("DELETE", `/api/sandboxes/${id}/recording`)).status, 204);
    await until("the exporters' end", async () => exporters().length === 0 && (await Promise.all([3, 4].map((number) => status(idOf(number))))).every(({ state }) => state === "failed"));
    for (const number of [3, 4]) rmSync(join(directory, account, `${idOf(number)}.stream`));
    pipes.forEach((pipe) => closeSync(pipe));
    const bytes = readFileSync(join(directory, account, `${ended}.stream`));
    assert.equal(records(bytes).reduce((end, { message }) => end + RECORD + message.length, HEADER), bytes.length);
    viewer.destroy();
    await remove(1, 2);
    assert.equal((await admin.request("DELETE", `/api/recordings/${ended}`)).status, 204);
});

test("a film that finds no room is refused, and nothing is left of it", async () => {
    put(idOf(4), stream);
    put(idOf(5), recordingFile({ recording: idOf(5), account, messages: [] }));
    execFileSync("truncate", ["-s", String(QUOTA - stream.length - 4096), join(directory, account, `${idOf(5)}.stream`)]);
    assert.equal((await begin(idOf(4))).status, 202);
    const { problem } = await until("the failure", async () => { const now = await status(idOf(4)); return now.state === "failed" && now; });
    assert.match(problem, /no room/);
    assert.deepEqual(readdirSync(join(directory, account)).sort(), [4, 5].map((number) => `${idOf(number)}.stream`));
    rmSync(join(directory, account, `${idOf(5)}.stream`));
});

// A second of a tone as the stream has it: 10 ms a packet, all of one length.
function tone() {
    const input = ["-f", "lavfi", "-i", "sine=frequency=1000:sample_rate=48000:duration=1"];
    const encoder = ["-map", "0:a", "-ac", "2", "-c:a", "libopus", "-application", "lowdelay", "-frame_duration", "10", "-vbr", "off", "-b:a", "96k"];
    const bytes = execFileSync("ffmpeg", ["-v", "error", ...input, ...encoder, "-f", "data", "-"]);
    return Array.from({ length: 100 }, (_, i) => bytes.subarray(i * OPUS_BYTES, (i + 1) * OPUS_BYTES));
}

function audio(captured, packet) {
    const message = Buffer.alloc(12 + packet.length);
    message[0] = 7;
    message.writeBigUInt64LE(BigInt(captured), 4);
    packet.copy(message, 12);
    return message;
}

// When sound begins in a film, in seconds: behind a fifth of a second of silence.
function soundsIn(film) {
    const bytes = execFileSync("ffmpeg", ["-v", "error", "-i", film, "-map", "0:a", "-f", "s16le", "-ac", "1", "-"], { maxBuffer: 1 << 26 });
    const found = [];
    let quiet = Infinity;
    for (let i = 0; i < bytes.length / 2; i++, quiet++) {
        if (Math.abs(bytes.readInt16LE(2 * i)) < 1000) continue;
        if (quiet > 9600) found.push(i / 48000);
        quiet = 0;
    }
    return found;
}

// A recording with sound behind it: the times at which it sounds, by the film, and its messages.
function sounding(all) {
    const messages = all.map(({ time, message }) => ({ time, message }));
    const key = all.find(isTimed);
    const [shown, captured] = [momentOf(all, key), capturedOf(key)];
    const end = messages.at(-1).time;
    const packets = tone();
    const beeps = [1.5e6, 4e6, 4.9e6].map((after) => end - shown + after);
    // It comes half a second late, all at once.
    for (const beep of beeps)
        packets.slice(0, 30).forEach((packet, i) => messages.push({ time: Math.round(shown + beep + 5e5), message: audio(Math.round(captured + beep + i * 1e4), packet) }));
    return { messages, beeps: beeps.map((beep) => beep / 1e6) };
}

test("what sounded sounds in the film, when it did", () => {
    const { messages, beeps } = sounding(records(stream));
    const { code, stderr, film } = exported(recordingFile({ recording: idOf(6), account, messages }));
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
    const { streams, duration } = probe(film);
    const [video, sound] = ["video", "audio"].map((type) => streams.find(({ codec_type }) => codec_type === type));
    assert.equal(streams.length, 2);
    assert.equal(video.nb_read_frames, video.nb_frames);
    assert.deepEqual([sound.codec_name, sound.sample_rate, sound.channels, sound.nb_read_frames], ["opus", "48000", 2, sound.nb_frames]);
    assert.ok(Math.abs(Number(sound.duration) - (beeps.at(-1) + 0.3)) < LIPS_S && duration >= sound.duration, `${sound.duration} of ${duration} s`);
    endOf(film, "a");
    const found = soundsIn(film);
    assert.equal(found.length, beeps.length, found.join());
    found.forEach((when, i) => assert.ok(Math.abs(when - beeps[i]) < LIPS_S, `${when}, not ${beeps[i]} s`));
});

test("sound that can't be is left out, and what is no sound ends the film", () => {
    const { messages, beeps } = sounding(smallStream());
    const packets = tone();
    const film = (change) => {
        const copy = messages.map(({ time, message }) => ({ time, message: Buffer.from(message) }));
        return exported(recordingFile({ recording: idOf(6), account, messages: change(copy) ?? copy }));
    };
    const insert = (message) => (m) => void m.push({ time: m.at(-1).time, message });
    const shown = messages.find(isTimed);
    const hold = {
        "before any picture": (m) => void m.unshift(...packets.map((packet, i) => ({ time: 0, message: audio(i * 1e4, packet) }))),
        "back in time": (m) => void m.push(...packets.map((packet, i) => ({ time: m.at(-1).time, message: audio(capturedOf(shown) + i, packet) }))),
        "more than there is time for": (m) => void m.push(...Array.from({ length: 5000 }, () => ({ time: m.at(-1).time, message: m.at(-1).message }))),
        "one channel": (m) => m.map(({ time, message }) => ({ time, message: message[0] === 7 ? Buffer.concat([message.subarray(0, 12), Buffer.from([message[12] & ~4]), message.subarray(13)]) : message })),
        "a clock that jumps": (m) => void m.splice(-15, 0, { time: m.at(-15).time, message: audio(2n ** 61n, packets[0]) }),
    };
    for (const [what, change] of Object.entries(hold)) {
        const { code, stderr, film: file } = film(change);
        assert.deepEqual([code, stderr], [0, ""], what);
        assert.ok(Number(probe(file).streams[1].duration) < beeps.at(-1) + 1, what);
    }
    const end = {
        "nothing": audio(0, Buffer.alloc(0)),
        "a giant packet": audio(0, Buffer.concat([packets[0], Buffer.alloc(1276 - OPUS_BYTES)])),
        "a megabyte": audio(0, Buffer.alloc(1 << 20, 0xf4)),
        "20 ms": audio(0, Buffer.concat([Buffer.from([0xf8 | 4]), packets[0].subarray(1)])),
        "a frame that is longer than its packet": audio(0, Buffer.from([0xee, 200, 1])),
        "no clock": Buffer.from([7, 0, 0, 0, 1]),
    };
    for (const [what, message] of Object.entries(end)) {
        const { code, stderr, film: file } = film(insert(message));
        assert.equal(code, 0, `${what}: ${stderr}`);
        assert.match(stderr, /damaged/, what);
        assert.equal(probe(file).streams.length, 2, what);
    }
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
