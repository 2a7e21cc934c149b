// A configuration that can't work is refused before anything is started, in one line that says what to do.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";

import { makeStateDir, spawnServer } from "../harness/server.mjs";

let stateDir;
const made = [];
const isRoot = process.getuid() === 0;

beforeEach(() => made.push((stateDir = makeStateDir())));
after(() => made.forEach((path) => rmSync(path, { recursive: true, force: true })));

const write = (name, text, mode) => {
    writeFileSync(join(stateDir, name), text);
    chmodSync(join(stateDir, name), mode);
};

// As the supervisor makes it: the server's own.
const writeSecrets = (text, mode) => {
    write("secrets.env", text, mode);
    if (isRoot) chownSync(join(stateDir, "secrets.env"), Number(execFileSync("id", ["-u", "sandbox-server"])), 0);
};

async function endedLines(env) {
    const server = await spawnServer({ stateDir, env });
    assert.deepEqual(await server.exited, { code: 1, signal: null }, server.log);
    await server.end();
    assert.equal(server.stdout, "");
    return server.stderr.trimEnd().split("\n");
}

// By the supervisor, before it starts anything.
async function refused(wanted, env = {}) {
    const lines = (await endedLines(env)).filter((line) => !/: weaker: /.test(line));
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.match(lines[0], wanted);
}

// By the program that the value is for; the others have been started by then and are stopped.
async function refusedBy(program, wanted, env = {}) {
    const lines = await endedLines(env);
    assert.equal(lines.filter((line) => wanted.test(line)).length, 1, lines.join("\n"));
    assert.ok(lines.some((line) => line.startsWith(`sandbox-supervisor: ${program} ended with status`)), lines.join("\n"));
}

test("an unknown key in config.env", async () => {
    write("config.env", "SANDBOX_MEMORY=1\n", 0o644);
    await refused(/config\.env:1: unknown key "SANDBOX_MEMORY"/);
});

test("an unknown key of ours in the environment", () => refused(/environment: unknown key "VIDEO_FRAMES"/, { VIDEO_FRAMES: "1" }));

test("a line without a value", async () => {
    write("config.env", "\nPORT\n", 0o644);
    await refused(/config\.env:2: expected KEY=VALUE/);
});

test("a value out of range", () => refused(/VIDEO_FRAMERATE must be a whole number from 1 to 120 /, { VIDEO_FRAMERATE: "121" }));

test("a value that is none of the choices", () => refused(/LOG_LEVEL must be one of /, { LOG_LEVEL: "loud" }));

test("a secret in config.env", async () => {
    write("config.env", `JWT_SECRET=${"0123456789abcdef".repeat(4)}\n`, 0o644);
    await refused(/JWT_SECRET is a secret: put it into the secrets file/);
});

test("a configuration that others may write", async () => {
    write("config.env", "LOG_LEVEL=info\n", 0o666);
    await refused(/config\.env: others may write this file/);
});

test("a JWT_SECRET that is too short", () => refused(/JWT_SECRET must have 64 to 256 characters/, { JWT_SECRET: "abc123" }));

test("a JWT_SECRET that is not random", () => refusedBy("sandbox-server", /JWT_SECRET is weak: .*make one with/, { JWT_SECRET: "0".repeat(64) }));

test("a secrets file without JWT_SECRET", async () => {
    writeSecrets("# nothing\n", 0o600);
    await refusedBy("sandbox-server", /JWT_SECRET is not set/);
});

test("a secrets file with a weak JWT_SECRET", async () => {
    writeSecrets(`JWT_SECRET=${"ab".repeat(32)}\n`, 0o600);
    await refusedBy("sandbox-server", /JWT_SECRET is weak/);
});

test("a secrets file that others may read", async () => {
    writeSecrets(`JWT_SECRET=${"0123456789abcdef".repeat(4)}\n`, 0o644);
    await refusedBy("sandbox-server", /secrets\.env: others may read these secrets; run: chmod 600/);
});

test("encryption, which isn't built yet", () => refusedBy("sandboxd", /FILE_ENCRYPTION_ENABLED/, { FILE_ENCRYPTION_ENABLED: "true" }));

test("a port in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    await refused(/port \d+ on 127\.0\.0\.1 is in use: .*set PORT/, { PORT: String(other.address().port) });
    other.close();
});

test("a host that isn't here", () => refused(/can't listen on 192\.0\.2\.1 port \d+ \(.*\): set HOST and PORT/, { HOST: "192.0.2.1" }));

test("a state directory too long for sockets", async () => {
    const long = join(stateDir, "a".repeat(80));
    await refused(/STATE_DIR \S+ is too long for the sockets inside: choose a path of at most \d+ bytes/, { STATE_DIR: long });
});

test("a state directory with a character that would need quoting", () =>
    refused(/has a character other than letters, digits/, { STATE_DIR: join(stateDir, "with blank") }));

test("a state directory that the programs' users can't enter", { skip: !isRoot && "only root's programs have other users" }, async () => {
    const closed = join(stateDir, "closed");
    mkdirSync(join(closed, "state"), { recursive: true });
    chmodSync(closed, 0o700);
    await refused(/user sandbox-server can't enter \S+\/closed: allow it \(chmod o\+x\)/, { STATE_DIR: join(closed, "state") });
});

test("a state directory of somebody else", { skip: !isRoot && "only root can give directories away" }, async () => {
    chownSync(stateDir, 0, 0);
    const server = await spawnServer({ stateDir, user: { uid: 65534, gid: 65534 } });
    assert.deepEqual(await server.exited, { code: 1, signal: null });
    assert.match(server.stderr, /^sandbox-supervisor: can't open the lock in \S+ \(Permission denied\): start as the user that owns it\n$/);
});

test("an external database that isn't there", async () => {
    const server = await spawnServer({ stateDir, env: { DATABASE_URL: "postgresql://nobody@127.0.0.1:1/none" } });
    assert.deepEqual(await server.exited, { code: 1, signal: null }, server.log);
    assert.match(server.stderr, /the database can't be reached: .*check DATABASE_URL/);
    await server.end();
});

test("an encoder that this machine does not have", () =>
    refusedBy("sandboxd", /VIDEO_CODEC h264_other with VIDEO_CHROMA 444: there is no such encoder; this machine has: libx264, /, {
        VIDEO_CODEC: "h264_other",
        VIDEO_CHROMA: "444",
    }));

test("an encoder that needs a GPU", () =>
    refusedBy("sandboxd", /VIDEO_CODEC h264_vaapi: it needs a GPU, and streamers are confined without devices: use libx264; this machine has: libx264, /, { VIDEO_CODEC: "h264_vaapi" }));
