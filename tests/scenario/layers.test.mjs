// A host that lacks something: sandboxd --probe and sandboxctl doctor tell which layer and why, sandboxd starts where that layer is not required, and refuses
// to where it is. What a single command says to the same is in sandbox_run.test.mjs.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";

import { until } from "../harness/until.mjs";

const PLAIN_UID = 64322;
const ids = process.getuid() === 0 ? { uid: PLAIN_UID, gid: PLAIN_UID } : {};
const directory = mkdtempSync(join(tmpdir(), "layers-"));
const homes = join(directory, "homes");
const config = join(directory, "config.env");
const program = (name) => join(directory, "programs", name);
const helper = (name) => program(join("libexec/sandbox-server/tests", name));

chmodSync(directory, 0o755);
cpSync(process.env.PROGRAMS, join(directory, "programs"), { recursive: true });
mkdirSync(homes, 0o711);
if (ids.uid) for (const path of [directory, homes]) chownSync(path, ids.uid, ids.gid);
after(() => rmSync(directory, { recursive: true, force: true }));

// Its user namespace may have none below it.
const FULL = ["/usr/bin/unshare", "--user", "--map-user=1000", "--keep-caps", "sh", "-c",
    'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps=-all --inh-caps=-all "$@"', "sh"];

const rows = [
    { lacks: "Landlock", through: [helper("sandbox_run_without"), "landlock_create_ruleset"], layer: "landlock", state: "missing", detail: /without Landlock/ },
    { lacks: "half of Landlock", through: [helper("sandbox_run_abi"), "3"], layer: "landlock", state: "weaker", detail: /ABI 3: .*6\.12/ },
    { lacks: "control groups", through: [], layer: "memory_limit", state: "missing", detail: /SANDBOX_CGROUP_PATH/ },
    { lacks: "capabilities", through: [], layer: "host_uid", state: "weaker", detail: /start it as root/ },
    { lacks: "user namespaces", through: FULL, layer: "user_namespace", state: "missing", detail: /user\.max_\*_namespaces/, always: true },
];

function configure(required) {
    const lines = [`FILE_STORAGE_PATH=${homes}`, `SANDBOXD_SOCKET=${join(directory, "sandboxd.sock")}`, "SANDBOX_CGROUP_BACKEND=none", `SANDBOX_LAYERS_REQUIRED=${required}`];
    writeFileSync(config, `${lines.join("\n")}\n`, { mode: 0o644 });
}

function ask(through, ...words) {
    const [command, ...args] = [...through, ...words];
    const result = spawnSync(command, args, { cwd: directory, encoding: "utf8", env: { PATH: process.env.PATH }, timeout: 60000, ...ids });
    assert.equal(result.error, undefined);
    return result;
}

// Until it serves or ends: its log, and its status if it ended by itself.
async function serve(through) {
    const [command, ...args] = [...through, program("bin/sandboxd"), "--config", config];
    const child = spawn(command, args, { cwd: directory, env: { PATH: process.env.PATH }, stdio: ["ignore", "ignore", "pipe"], ...ids });
    let log = "";
    child.stderr.on("data", (data) => (log += data));
    const closed = new Promise((resolve) => child.on("close", resolve));
    await until("sandboxd that serves or ends", () => child.exitCode !== null || log.includes("sandboxd info: serving"), 60000);
    const status = child.exitCode;
    child.kill("SIGTERM");
    await closed;
    return { status, log };
}

for (const { lacks, through, layer, state, detail, always } of rows) {
    describe(`without ${lacks}`, () => {
        it("the probe says so", () => {
            configure("");
            const { stdout, stderr } = ask(through, program("bin/sandboxd"), "--probe", "--config", config);
            const line = stdout.split("\n").find((text) => text.startsWith(`${layer}\t`));
            assert.equal(line?.split("\t")[1], state, stdout + stderr);
            assert.match(line, detail);
        });

        it("sandboxd refuses to start where it is required, in one line that says why", async () => {
            configure(layer);
            const { status, log } = await serve(through);
            assert.equal(status, 1, log);
            const errors = log.split("\n").filter((line) => line.includes(" error: "));
            assert.ok(errors.every((line) => line.includes("a required isolation layer is not complete")), log);
            const named = errors.filter((line) => line.includes(`layer="${layer}"`));
            assert.equal(named.length, 1, log);
            assert.match(named[0], detail);
        });

        it(always ? "nor does it elsewhere" : "elsewhere it starts, and warns", async () => {
            configure("");
            const { status, log } = await serve(through);
            assert.equal(status, always ? 1 : null, log);
            if (!always) assert.match(log, new RegExp(`warning: an isolation layer is not complete layer="${layer}"`));
        });

        it("doctor says so, and fails where it is required", () => {
            for (const [required, verdict] of [["", always ? "failed" : "weak"], [layer, "failed"]]) {
                configure(required);
                const { stdout, stderr } = ask(through, program("bin/sandboxctl"), "doctor", "--json", "--config", config);
                const row = JSON.parse(stdout || "[]").find(({ check }) => check === layer);
                assert.equal(row?.state, verdict, stdout + stderr);
                assert.match(row.detail, detail);
            }
        });
    });
}
