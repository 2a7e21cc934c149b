// What sandbox-run says and does on a host that lacks a layer.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { PLAIN_UID, directory, finish, program, report, root, run } from "../harness/sandbox_run.mjs";

describe("layers", () => {
    it("refuses to start without a required one", async () => {
        const result = await run("plain", "--require", "host_uid", "--", "true");
        assert.equal(result.status, 125);
        assert.match(result.err, /host_uid is weaker/);
        if (root) assert.equal((await run("root", "--require", "all", "--", "true")).status, 0);
    });
    it("reports them", async () => {
        const { layers } = (await report("plain", "true")).report;
        assert.deepEqual(layers.seccomp, { state: "on", detail: "" });
        assert.equal(layers.host_uid.state, "weaker");
        assert.notEqual(layers.host_uid.detail, "");
    });
    it("tells what the host lacks", async () => {
        const without = join(process.env.PROGRAMS, "libexec", "sandbox-server", "tests", "sandbox_run_without");
        const helper = join(directory, "without");
        copyFileSync(without, helper);
        const started = (command, args) => {
            const ids = root ? { uid: PLAIN_UID, gid: PLAIN_UID } : {};
            return finish(spawn(command, args, { cwd: directory, stdio: ["ignore", "pipe", "pipe", "pipe"], ...ids }));
        };
        const old = await started(helper, ["landlock_create_ruleset", program, "--json=3", "--", "true"]);
        assert.equal(old.status, 0, old.err);
        assert.equal(old.report.layers.landlock.state, "missing");
        assert.match(old.report.layers.landlock.detail, /Landlock/);
        const refused = await started(helper, ["landlock_create_ruleset", program, "--require", "landlock", "--", "true"]);
        assert.equal(refused.status, 125);
        assert.match(refused.err, /landlock is missing/);
        const full = await started("/usr/bin/unshare", ["-Ur", "sh", "-c", `echo 0 >/proc/sys/user/max_user_namespaces; exec ${program} -- true`]);
        assert.equal(full.status, 125);
        assert.match(full.err, /no namespace is left/);
        const mountless = await started(helper, ["open_tree,move_mount", program, "--", "true"]);
        assert.equal(mountless.status, 125);
    });
    it("does what an older Landlock can, and says so", async () => {
        const helper = join(directory, "abi");
        copyFileSync(join(process.env.PROGRAMS, "libexec", "sandbox-server", "tests", "sandbox_run_abi"), helper);
        const ids = root ? { uid: PLAIN_UID, gid: PLAIN_UID } : {};
        const on = (abi, ...args) => finish(spawn(helper, [String(abi), program, ...args], { cwd: directory, stdio: ["ignore", "pipe", "pipe", "pipe"], ...ids }));
        // Files of /dev may be written, but nothing may be made there; a right of ABI 1.
        const probe = ["--json=3", "--", "sh", "-c", "echo >/dev/null && ! mkdir /dev/shm/../x 2>/dev/null && ! touch /usr/x 2>/dev/null"];
        for (const abi of [1, 3, 5]) {
            const old = await on(abi, ...probe);
            assert.equal(old.status, 0, old.err);
            assert.equal(old.report.layers.landlock.state, "weaker");
            assert.match(old.report.layers.landlock.detail, new RegExp(`ABI ${abi}:`));
        }
        const refused = await on(3, "--require", "landlock", "--", "true");
        assert.deepEqual([refused.status, /landlock is weaker: ABI 3/.test(refused.err)], [125, true]);
        assert.equal((await on(6, ...probe)).report.layers.landlock.state, "on");
    });
    it("says aloud that nothing bounds the processes", { skip: (!root || !existsSync("/sys/fs/cgroup/pids")) && "needs root and a v1 controller" }, async () => {
        // The others' mounts stay: the controller is hidden in a mount namespace of its own.
        const hide = `umount /sys/fs/cgroup/pids && exec ${program} --pids 20 -- true`;
        const { status, err } = await finish(spawn("/usr/bin/unshare", ["-m", "sh", "-c", hide], { stdio: ["ignore", "pipe", "pipe", "pipe"] }));
        assert.deepEqual([status, /^sandbox-run: --pids has no effect here: .*pids controller.*\n$/.test(err)], [0, true], err);
    });
    it("tells a missing capability", { skip: !root && "needs root" }, async () => {
        const words = ["--bounding-set=-setuid,-setgid", "--inh-caps=-setuid,-setgid", program, "--json=3", "--", "true"];
        const result = await finish(spawn("/usr/bin/setpriv", words, { stdio: ["ignore", "pipe", "pipe", "pipe"] }));
        assert.equal(result.report?.layers.host_uid.state, "weaker", result.err);
        assert.equal(result.status, 0, result.err);
    });
});
