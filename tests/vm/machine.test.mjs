// What only a machine of its own can show: pure cgroup v2 under delegation, AppArmor, the kernel of Debian 12.
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { skipWithout } from "./base.mjs";
import { boot } from "./machine.mjs";

const PROJECT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const BUILD = dirname(process.env.PROGRAMS ?? join(PROJECT, "build/checked/stage"));
const PLAIN = "worker";
const LIMITS = "memory_limit,cpu_limit,process_limit";
const skip = skipWithout(["qemu-system-x86_64", "mmdebstrap"]);

const HOG = "x = bytearray(300 << 20)";
const FORKS = "import os, time\nfor i in range(20):\n  if os.fork() == 0: time.sleep(60)";
const SPIN = "import time\nend = time.monotonic() + 3\nwhile time.monotonic() < end: pass";
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

describe("a virtual machine", { skip }, () => {
    let machine;

    // Its JSON report ends what the command printed.
    async function sandbox(args, options) {
        const result = await machine.run(`exec /opt/bin/sandbox-run --json=2 --require ${LIMITS} ${args}`, options);
        const last = result.err.trim().split("\n").at(-1);
        assert.match(last, /^\{.*\}$/, result.text);
        return { ...result, report: JSON.parse(last) };
    }

    // A test program of the build, in a leaf of a delegated group.
    async function testProgram(path, ...args) {
        const command = [join(PROJECT, "tests/vm/leaf"), join(PROJECT, "tests/harness/with-programs"), join(BUILD, "stage"), join(BUILD, path), ...args];
        const env = {
            DOORS: join(BUILD, "tests/escape/sandbox-doors"),
            BOMB: join(BUILD, "tests/escape/sandbox-bomb"),
            OPEN_DOORS: join(PROJECT, "tests/escape/open_doors.txt"),
            THREATS: join(PROJECT, "docs/THREATS.md"),
        };
        const result = await machine.run(command.map(quoted).join(" "), { properties: { Delegate: "yes" }, env });
        assert.equal(result.status, 0, result.text);
        assert.match(result.text, /\[ {2}PASSED {2}\] [1-9]/, "no test ran");
        return result.text;
    }

    before(async () => {
        machine = await boot({ readOnlyBinds: { [PROJECT]: PROJECT } });
        await machine.check(`cp -r ${quoted(join(BUILD, "stage"))}/. /opt/; useradd --create-home ${PLAIN}`);
    });

    test("has pure cgroup v2, AppArmor and Landlock", async () => {
        assert.equal(machine.systemState, "running", machine.console);
        assert.equal(await machine.check("stat --file-system --format=%T /sys/fs/cgroup"), "cgroup2fs\n");
        const controllers = (await machine.check("cat /sys/fs/cgroup/cgroup.controllers")).trim().split(" ");
        for (const controller of ["cpu", "io", "memory", "pids"]) assert.ok(controllers.includes(controller), controller);
        const modules = (await machine.check("cat /sys/kernel/security/lsm")).trim().split(",");
        for (const module of ["landlock", "apparmor"]) assert.ok(modules.includes(module), module);
    });

    test("AppArmor enforces a profile that a test loads", async () => {
        await machine.check("cp /bin/cat /usr/local/bin/reader; echo open >/srv/open; echo secret >/srv/secret");
        await machine.loadProfiles(`profile reader /usr/local/bin/reader {
            /usr/local/bin/reader mr, /etc/ld.so.cache r, /{,usr/}lib/** mr, /srv/open r,
        }`);
        assert.equal(await machine.check("/usr/local/bin/reader /srv/open"), "open\n");
        const denied = await machine.run("/usr/local/bin/reader /srv/secret");
        assert.equal(denied.status, 1);
        assert.match(denied.err, /Permission denied/);
    });

    test("sandboxd finds every limit of its delegated group", async () => {
        const probe = await machine.check("exec /opt/bin/sandboxd --probe", {
            properties: { Delegate: "yes", AmbientCapabilities: "CAP_SETUID CAP_SETGID" },
            user: PLAIN,
            env: { PROGRAM_DIR: "/opt/bin", FILE_STORAGE_PATH: "/srv", SANDBOX_CGROUP_BACKEND: "v2" },
        });
        const layers = Object.fromEntries(probe.trim().split("\n").map((line) => line.split("\t").slice(0, 2)));
        for (const layer of [...LIMITS.split(","), "host_uid", "seccomp"]) assert.equal(layers[layer], "on", probe);
        assert.equal(layers.landlock, "weaker", probe); // its ABI is 2
    });

    test("limits of a running sandbox are changed and met", async () => {
        const text = await testProgram("tests/scenario/sandboxd/scenario_sandboxd_limits");
        assert.match(text, /OK \] limits_change_while_it_runs[^]*OK \] memory_that_nobody_gives_back_ends_it/);
    });

    for (const kind of ["fork", "memory", "leave"]) {
        test(`a bomb meets its limit: ${kind}`, async () => {
            await testProgram("tests/escape/escape_bombs", kind, "30");
        });
    }

    const starters = [
        ["root, in a delegated unit", { properties: { Delegate: "yes" } }],
        ["root, in a unit that is not delegated", {}],
        ["a user, in a delegated unit", { properties: { Delegate: "yes" }, user: PLAIN }],
    ];
    for (const [who, options] of starters) {
        test(`sandbox-run holds its limits as ${who}`, async () => {
            const memory = await sandbox(`--memory 64M --time 60 -- sh -c ${quoted(`python3 -c '${HOG}'; echo survived`)}`, options);
            assert.deepEqual([memory.status, memory.report.cause, memory.out], [137, "memory", ""], memory.text);
            assert.ok(memory.report.usage.peak_memory_bytes >= 60 << 20, memory.err);
            const processes = await sandbox(`--pids 5 --time 60 -- python3 -c ${quoted(FORKS)}`, options);
            assert.deepEqual([processes.report.cause, processes.report.usage.refused_processes > 0], ["processes", true], processes.text);
            const cpu = await sandbox(`--cpu 20 --time 60 -- python3 -c ${quoted(SPIN)}`, options);
            assert.ok(cpu.report.usage.cpu_us < 0.5 * cpu.report.usage.wall_us, cpu.err);
        });
    }

    test("sandbox-run in the session of a user", async () => {
        await machine.check(`loginctl enable-linger ${PLAIN}; uid=$(id -u ${PLAIN}); systemctl start user@$uid`);
        const uid = (await machine.check(`id -u ${PLAIN}`)).trim();
        const hog = quoted(`python3 -c '${HOG}'`);
        const command = `systemd-run --user --scope --quiet -p Delegate=yes /opt/bin/sandbox-run --json=2 --require ${LIMITS} --memory 64M --time 60 -- sh -c ${hog}`;
        const result = await machine.run(command, { user: PLAIN, env: { XDG_RUNTIME_DIR: `/run/user/${uid}` } });
        assert.match(result.err, /"cause":"memory"/, result.text);
    });

    test("what was written survives a power cut", async () => {
        await machine.check("echo kept >/var/lib/kept; sync /var/lib/kept; echo perhaps >/var/lib/perhaps");
        await machine.reset();
        assert.equal(await machine.check("cat /var/lib/kept"), "kept\n");
    });
});
