// A backup of a running system, the end of everything, and its way back.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";

import { freePort, startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const CTL = fileURLToPath(new URL("../../scripts/ctl", import.meta.url));
const PASSWORD = "a long enough password";
const UID_BASE = 0x70000000;
const ROOT = process.getuid() === 0;

const UNUSUAL = ["-rf", "a\nb", "\u001b[31m", "naïve ☃", " ", "$(id)", "'\"", "x".repeat(255)];
const NOT_TEXT = Buffer.from([0xff, 0xfe, 0x80, 0x2e]);

let server, place, backups, key, metricsPort;

before(async () => {
    place = fs.mkdtempSync(join(tmpdir(), "backup-test-"));
    backups = join(place, "backups");
    key = join(place, "key");
    fs.mkdirSync(backups, { mode: 0o700 });
    metricsPort = String(await freePort());
    server = await startServer({ env: { METRICS_PORT: metricsPort } });
});

after(async () => {
    await server?.stop();
    fs.rmSync(place, { recursive: true, force: true });
});

function ctl(args, { input = "", env = {} } = {}) {
    const { status, stdout, stderr } = spawnSync(CTL, args, {
        env: { PATH: process.env.PATH, HOME: place, STATE_DIR: server.stateDir, BACKUP_DIRECTORY: backups, BACKUP_KEY_FILE: key, ...env },
        input,
        encoding: "utf8",
    });
    return { status, stdout, stderr };
}

function succeeded(args, options) {
    const result = ctl(args, options);
    assert.equal(result.status, 0, result.stdout + result.stderr);
    return result.stdout;
}

function refused(args, why, options) {
    const result = ctl(args, options);
    assert.equal(result.status, 1, result.stdout + result.stderr);
    assert.match(result.stderr, why);
}

function sql(text) {
    const url = `postgresql:///sandbox_server?host=${server.stateDir}/run/postgres&user=sandbox_server`;
    return execFileSync("psql", ["--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", url], { input: text, encoding: "utf8" }).trim();
}

async function signedIn(name) {
    const client = server.client();
    const answer = await client.login(name, PASSWORD);
    assert.equal(answer.status, 200, answer.text);
    return client;
}

const names = () => fs.readdirSync(backups).filter((name) => name.endsWith(".backup"));
const newest = () => join(backups, names().sort().at(-1));
const home = (...rest) => join(server.stateDir, "homes", account.id, ...rest);

let account, ada, first, made;

// What somebody may leave in a home; the owner is whoever the home belongs to at the moment.
function fill() {
    const { uid } = fs.statSync(home());
    const own = (path) => fs.lchownSync(path, uid, uid);
    const put = (name, text, mode = 0o644) => {
        const path = Buffer.concat([Buffer.from(`${home()}/`), Buffer.from(name)]);
        fs.writeFileSync(path, text);
        fs.chmodSync(path, mode);
        own(path);
    };
    for (const name of UNUSUAL) put(name, `contents of ${name}`);
    put(NOT_TEXT, "bytes");
    put("secret", "mine", 0o400);
    put("set-uid", "#!", 0o4755);
    fs.mkdirSync(home("shut"), 0o700);
    put("shut/inside", "there");
    fs.chmodSync(home("shut"), 0o500);
    own(home("shut"));
    fs.utimesSync(home("secret"), 1234567890.25, 1234567890.25);
    fs.symlinkSync("/etc/shadow", home("shadow"));
    own(home("shadow"));
    fs.symlinkSync("../../..", home("up"));
    own(home("up"));
    fs.linkSync(home("secret"), home("shut/the same"));
    fs.utimesSync(home("shut"), 1e9, 1e9);
    put("noise", randomBytes(300000)); // several chunks of the file, whatever compression does
    const sparse = fs.openSync(home("sparse"), "w");
    fs.writeSync(sparse, "at the front");
    fs.writeSync(sparse, "in the middle", 50 << 20);
    fs.ftruncateSync(sparse, 4 * 2 ** 30);
    fs.closeSync(sparse);
    own(home("sparse"));
    fs.truncateSync(fs.openSync(home("hole"), "w"), 1 << 20);
    own(home("hole"));
    execFileSync("mkfifo", [home("pipe")]);
    own(home("pipe"));
    execFileSync("setfattr", ["-n", "user.colour", "-v", "blue", home("secret")]);
    put("foreign", "not from inside");
    if (ROOT) fs.chownSync(home("foreign"), 12345, 12345);
    let deep = home("deep");
    for (let i = 0; i < 20; i++, deep = join(deep, "down")) {
        fs.mkdirSync(deep);
        own(deep);
    }
}

test("the key is made once, for the operator alone", () => {
    refused(["backup"], /backup-key/);
    succeeded(["backup-key", key]);
    assert.equal(fs.statSync(key).mode & 0o777, 0o600);
    refused(["backup-key", key], /there is a key already/);
    fs.chmodSync(key, 0o644);
    refused(["backup"], /others may read it/);
    fs.chmodSync(key, 0o600);
});

test("a backup while a sandbox runs: one file, encrypted, recorded", async () => {
    succeeded(["user", "create", "ada", "--password-stdin"], { input: `${PASSWORD}\n` });
    ada = await signedIn("ada");
    account = (await ada.request("GET", "/api/users/me")).body;
    first = await ada.startSandbox();
    fill();
    fs.chmodSync(backups, 0o777);
    refused(["backup"], /others may write there/);
    fs.chmodSync(backups, 0o700);
    fs.writeFileSync(join(backups, ".partial"), "of one that was cut off");
    const text = succeeded(["backup"]);
    assert.match(text, /1 homes/);
    assert.match(text, /left out, special files: [1-9]/);
    if (ROOT) assert.match(text, /left out, of others: 1\n/);
    assert.doesNotMatch(text, /\u001b/);
    assert.equal(names().length, 1);
    assert.deepEqual(fs.readdirSync(backups), names());
    made = fs.readFileSync(newest());
    assert.equal(fs.statSync(newest()).mode & 0o777, 0o600);
    assert.ok(made.length < 50 << 20, "holes are stored");
    for (const word of ["contents of", "ada", "homes/"]) assert.equal(made.indexOf(word), -1, word);
    assert.equal(sql("SELECT count(*) FROM backups WHERE name LIKE 'sandbox-server-%.backup' AND bytes > 0"), "1");
});

test("a file that is not whole, or of another key, is refused in words", () => {
    const broken = join(place, "broken");
    const attempt = (bytes, why) => {
        fs.writeFileSync(broken, bytes);
        refused(["restore", "--dry-run", broken], why);
    };
    assert.match(succeeded(["restore", "--dry-run", newest()]), /it is whole; nothing was changed/);
    attempt(made.subarray(0, made.length - 1), /its end is missing/);
    attempt(made.subarray(0, 48 + 65553), /its end is missing/);
    attempt(Buffer.concat([made, Buffer.from("x")]), /altered|missing/);
    attempt(Buffer.concat([made.subarray(0, 48), made.subarray(48 + 65553)]), /it was altered/);
    const [one, two] = [48, 48 + 65553].map((at) => made.subarray(at, at + 65553));
    attempt(Buffer.concat([made.subarray(0, 48), two, one, made.subarray(48 + 2 * 65553)]), /it was altered/);
    const flipped = Buffer.from(made);
    flipped[1000] ^= 1;
    attempt(flipped, /it was altered/);
    attempt(Buffer.from("PK"), /it is no backup/);
    const other = join(place, "other-key");
    succeeded(["backup-key", other]);
    refused(["restore", "--dry-run", "--key", other, newest()], /made with another key/);
});

test("a system in use is not written over", () => {
    refused(["restore", newest()], /the database is not empty/);
    assert.ok(fs.existsSync(home("secret")));
});

function checkHome() {
    const uid = ROOT ? UID_BASE + 2 : process.getuid(); // the second account, whatever uid its home had before
    const status = (name) => fs.lstatSync(home(name));
    const read = (name) => fs.readFileSync(name, "utf8");
    assert.deepEqual([fs.statSync(home()).uid, fs.statSync(home()).gid], [uid, uid]);
    for (const name of UNUSUAL) assert.equal(read(home(name)), `contents of ${name}`);
    assert.equal(read(Buffer.concat([Buffer.from(`${home()}/`), NOT_TEXT])), "bytes");
    assert.deepEqual([status("secret").mode & 0o7777, status("secret").uid, status("secret").mtimeMs], [0o400, uid, 1234567890250]);
    assert.equal(status("set-uid").mode & 0o7777, 0o755);
    assert.deepEqual([status("shut").mode & 0o7777, status("shut").mtimeMs], [0o500, 1e12]);
    assert.equal(read(home("shut/inside")), "there");
    assert.equal(status("shut/the same").ino, status("secret").ino);
    assert.equal(fs.readlinkSync(home("shadow")), "/etc/shadow");
    assert.equal(fs.readlinkSync(home("up")), "../../..");
    assert.equal(status("up").uid, uid);
    assert.equal(status("sparse").size, 4 * 2 ** 30);
    assert.ok(status("sparse").blocks < 4096, "holes were filled");
    const middle = Buffer.alloc(13);
    const file = fs.openSync(home("sparse"), "r");
    fs.readSync(file, middle, 0, 13, 50 << 20);
    fs.closeSync(file);
    assert.equal(middle.toString(), "in the middle");
    assert.deepEqual([status("hole").size, status("hole").blocks], [1 << 20, 0]);
    assert.ok(!fs.existsSync(home("pipe")));
    assert.equal(fs.existsSync(home("foreign")), !ROOT);
    assert.equal(execFileSync("getfattr", ["--only-values", "-n", "user.colour", home("secret")], { encoding: "utf8" }), "blue");
    assert.ok(fs.existsSync(home("deep", ...Array(19).fill("down"))));
}

test("a new machine: the first start, then everything comes back, under the accounts' own uids", async () => {
    const old = { cookie: ada.cookie, token: ada.token };
    const directory = server.stateDir;
    await server.end();
    for (const name of ["database", "homes"]) fs.rmSync(join(directory, name), { recursive: true, force: true });
    for (const name of fs.readdirSync(directory).filter((entry) => entry.includes("secrets") || entry.includes("admin")))
        fs.rmSync(join(directory, name), { recursive: true, force: true });
    server = await startServer({ stateDir: directory, env: { METRICS_PORT: metricsPort } });
    fs.mkdirSync(join(directory, "homes", "something"), { recursive: true });
    refused(["restore", newest()], /is not empty: move what it holds elsewhere/);
    fs.rmdirSync(join(directory, "homes", "something"));
    assert.match(succeeded(["restore", newest()]), /1 sandboxes that ran then are recorded as ended/);
    checkHome();
    await until("the server's new start", async () => {
        const answer = await fetch(`${server.url}/ready`).catch(() => null);
        return answer?.status === 200 && server.log.includes("The database was restored");
    });
    ada.url = server.url;
    ada.cookie = old.cookie;
    assert.equal((await ada.refresh()).status, 401, "a session outlived the restore");
    assert.equal((await ada.request("GET", "/api/users/me", { token: old.token })).status, 401);
    ada = await signedIn("ada");
    assert.equal((await ada.request("GET", "/api/users/me")).body.id, account.id);
    const past = await ada.sandbox(first.id);
    assert.deepEqual([past.state, past.stop.reason], ["ended", "node_restart"]);
    const again = await ada.startSandbox();
    assert.equal((await ada.sandbox(again.id)).state, "running");
    assert.equal(fs.readFileSync(home("shut/inside"), "utf8"), "there");
});

function loseEverything() {
    sql(`DO $$ DECLARE item record; BEGIN FOR item IN SELECT oid::regclass AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
         LOOP EXECUTE format('DROP TABLE %s CASCADE', item.name); END LOOP; END $$`);
    // At once, whatever a desktop that still runs writes to it.
    for (const entry of fs.readdirSync(join(server.stateDir, "homes"))) fs.renameSync(join(server.stateDir, "homes", entry), join(fs.mkdtempSync(join(place, "lost-")), entry));
}

test("sandboxes started since the backup are stopped, and told", async () => {
    succeeded(["backup"]);
    const since = await ada.startSandbox();
    loseEverything();
    const before = server.log.length;
    succeeded(["restore", newest()]);
    await until("the stop of what the database does not know", () => server.log.slice(before).includes(since.id));
    assert.match(server.log.slice(before), /A sandbox without an active row is stopped/);
    const rows = () => JSON.parse(succeeded(["sandbox", "list", "--all", "--json"]));
    await until("its row", () => rows().some((row) => row.id === since.id && row.state === "ended"));
    assert.deepEqual(rows().filter((row) => row.state !== "ended"), []);
    ada = await signedIn("ada");
    const { state, stop } = await ada.sandbox(since.id);
    assert.deepEqual([state, stop.reason], ["ended", "node_restart"]);
    assert.match(stop.detail, /without a row/);
});

// Blocks of 1 KiB, one of which holds all attributes of an inode. In a mount namespace of its own.
const SMALL = `set -eu
    mkfs.ext2 -q -b 1024 "$IMAGE" 8M
    mkdir "$FILE_STORAGE_PATH"
    mount -o loop "$IMAGE" "$FILE_STORAGE_PATH"
    rmdir "$FILE_STORAGE_PATH/lost+found"
    status=0
    "$CTL" restore "$1" || status=$?
    cd "$FILE_STORAGE_PATH/$2"
    cat large after/it
    getfattr --absolute-names --only-values --name=user.small large
    exit $status`;

test("what another file system can't hold is left out by name, and nothing else is", { skip: !ROOT && "only root mounts" }, () => {
    const { uid } = fs.statSync(home());
    fs.mkdirSync(home("after"));
    for (const name of ["large", "ill\x1b[31m", "after/it"]) {
        fs.writeFileSync(home(name), `${name}\n`);
        execFileSync("setfattr", ["-n", "user.large", "-v", "x".repeat(2000), home(name)]);
    }
    execFileSync("setfattr", ["-x", "user.large", home("after/it")]);
    execFileSync("setfattr", ["-n", "user.small", "-v", "kept", home("large")]);
    for (const name of ["large", "ill\x1b[31m", "after", "after/it"]) fs.chownSync(home(name), uid, uid);
    succeeded(["backup"]);
    loseEverything();
    const { status, stdout, stderr } = spawnSync("unshare", ["--mount", "bash", "-c", SMALL, "bash", newest(), account.id], {
        env: {
            ...{ PATH: process.env.PATH, HOME: place, STATE_DIR: server.stateDir, BACKUP_DIRECTORY: backups, BACKUP_KEY_FILE: key },
            ...{ CTL, IMAGE: join(place, "image"), FILE_STORAGE_PATH: join(place, "small") },
        },
        encoding: "utf8",
    });
    assert.equal(status, 7, stdout + stderr);
    const left = stderr.split("\n").filter((line) => line.startsWith("left out: "));
    const line = (name) => `left out: ${account.id}/${name}, attribute user.large: No space left on device`;
    assert.deepEqual(left.sort(), [line("ill\\x1b[31m"), line("large")]);
    assert.match(stderr, /left out: 2 entries or attributes, named above/);
    assert.match(stdout, /\nlarge\nafter\/it\nkept$/);
});

test("of old backups so many days and weeks stay", () => {
    const old = ["20200101T000000Z", "20200102T000000Z", "20200102T120000Z", "20200110T000000Z"].map((time) => `sandbox-server-${time}.backup`);
    for (const name of old) fs.writeFileSync(join(backups, name), "");
    fs.writeFileSync(join(backups, "sandbox-server-mine.backup"), "");
    const today = names().length - old.length - 1;
    succeeded(["backup"], { env: { BACKUP_KEEP_DAYS: "3", BACKUP_KEEP_WEEKS: "1" } });
    assert.ok(today >= 1);
    const days = new Set(names().map((name) => name.slice(15, 23)));
    assert.ok(days.has("20200110") && days.has("20200102") && !days.has("20200101"), [...days].join());
    assert.ok(!names().includes(old[1]), "the older one of a day");
    assert.ok(names().includes("sandbox-server-mine.backup"), "not ours");
});

test("monitoring and doctor know when the last one was made", async () => {
    const made = Number(sql("SELECT floor(extract(epoch FROM max(finished_at))) FROM backups"));
    assert.match(ctl(["doctor"]).stdout, /^ok +backups +the last one is 0 hours old$/m);
    server.kill("sandbox-server"); // asks when it starts, and then every few minutes
    const value = () =>
        fetch(`http://127.0.0.1:${metricsPort}/metrics`)
            .then((answer) => answer.text())
            .then((text) => /^sandbox_server_backup_last_timestamp_seconds (\d+)$/m.exec(text)?.[1])
            .catch(() => undefined);
    assert.equal(Number(await until("the time of the backup", value)), made);
    sql("UPDATE backups SET finished_at = finished_at - interval '3 days'");
    assert.match(ctl(["doctor"]).stdout, /^weak +backups +the last one is 7[12] hours old; look at/m);
    sql("DELETE FROM backups");
    assert.match(ctl(["doctor"]).stdout, /^weak +backups +there is none of this node; run: sandboxctl backup-key/m);
});
