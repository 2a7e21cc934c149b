// A clean Debian boots in a container, and leaves nothing behind.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";

import { until } from "../harness/until.mjs";
import { skipWithout } from "./base.mjs";
import { boot } from "./nspawn.mjs";
import { execute } from "./system.mjs";

const skip = skipWithout(["systemd-nspawn", "mmdebstrap"]);

// Of one container: others may run beside it.
const groupsOf = (pid) =>
    ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"]
        .filter((path) => existsSync(path))
        .flatMap((path) => readdirSync(path))
        .filter((name) => name === `sandbox-server-vm-${pid}`);
const mountsOf = (state) => readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter((line) => line.includes(basename(state)));

test("a container runs commands as units, reboots, and is gone", { skip }, async () => {
    const share = mkdtempSync(join(tmpdir(), "sandbox-server-share-"));
    writeFileSync(join(share, "word"), "from the host");
    const container = await boot({ binds: { [share]: "/share" } });
    assert.equal(container.systemState, "running", container.console);

    const result = await container.run("cat /share/word; echo wrong >&2; exit 7");
    assert.deepEqual([result.status, result.out, result.err], [7, "from the host", "wrong\n"]);
    assert.match(await container.check("cat /proc/self/cgroup", { properties: { Slice: "system.slice" } }), /system\.slice\/run-/);
    assert.equal((await container.check("id -un", { user: "nobody" })).trim(), "nobody");
    assert.deepEqual(JSON.parse(await container.check("ip -json link")).map(({ ifname }) => ifname), ["lo"]);

    // A port of the container is reached by programs of the host in its network only.
    await container.check("systemd-run --quiet --unit=web nodejs -e 'require(\"http\").createServer((q, a) => a.end(\"inside\")).listen(8080, () => fs.writeFileSync(\"/run/web\", \"\"))'");
    await container.check("until test -e /run/web; do read -t 0.05 <> <(:) || :; done");
    const answer = await execute([...container.inNetwork, "curl", "--silent", "http://127.0.0.1:8080/"]);
    assert.equal(answer.out, "inside");

    await container.check("echo kept >/var/lib/kept; echo kept >/root/kept");
    const first = container.leader;
    await container.reboot();
    assert.notEqual(container.leader, first);
    assert.equal(await container.check("cat /var/lib/kept; test ! -e /run/web"), "kept\n");

    await container.powerOff();
    assert.equal(existsSync(container.state), false);
    assert.deepEqual([groupsOf(container.child.pid), mountsOf(container.state)], [[], []]);
    rmSync(share, { recursive: true });
});

test("a container that is destroyed leaves nothing either", { skip }, async () => {
    const container = await boot();
    await container.destroy();
    assert.equal(existsSync(container.state), false);
    assert.deepEqual(groupsOf(container.child.pid), []);
});

test("nor does one whose test was killed", { skip }, async () => {
    const script = `const { boot } = await import(${JSON.stringify(new URL("nspawn.mjs", import.meta.url).href)});
        const container = await boot();
        (await import("node:fs")).writeSync(1, container.state + " " + container.child.pid + "\\n");
        process.kill(process.pid, "SIGKILL");`;
    const killed = spawnSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
    assert.equal(killed.signal, "SIGKILL", killed.stderr);
    const [state, pid] = killed.stdout.trim().split("\n").at(-1).split(" ");
    await until("the end of the container", () => !existsSync(state));
    assert.deepEqual(groupsOf(Number(pid)), []);
});
