// What only a machine of its own can show: pure cgroup v2 under delegation, AppArmor, the kernel of Debian 12.
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, test } from "node:test";

import { skipWithout } from "./base.mjs";
import { boot } from "./machine.mjs";
import { BUILD, PROJECT, runTestProgram } from "./programs.mjs";

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
        const result = await machine.run(`exec /opt/bin/sandbox-run --json=2 ${args}`, options);
        const last = result.err.trim().split("\n").at(-1);
        assert.match(last, /^\{.*\}$/, result.text);
        return { ...result, report: JSON.parse(last) };
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

    // What it probes is the group that it was started in itself, and that one holds the doctor.
    test("sandboxctl doctor says which limits its caller's group can't hold", async () => {
        const { out } = await machine.run("exec /opt/bin/sandboxctl doctor --json", { user: PLAIN });
        const rows = JSON.parse(out);
        for (const layer of LIMITS.split(",")) {
            const { state, detail } = rows.find(({ check }) => check === layer);
            assert.equal(state, "weak");
            assert.match(detail, /^missing: no delegated cgroup with the \w+ controller/);
        }
    });

    test("limits of a running sandbox are changed and met", async () => {
        const text = await runTestProgram(machine, "tests/scenario/sandboxd/scenario_sandboxd_limits");
        assert.match(text, /OK \] limits_change_while_it_runs[^]*OK \] memory_that_nobody_gives_back_ends_it/);
    });

    test("processes and bytes written are told by every end", async () => {
        const text = await runTestProgram(machine, "tests/scenario/sandboxd/scenario_sandboxd_usage", { env: { TEST_MODE: "delegated" } });
        assert.match(text, /OK \] what_pid_1_did_not_tell_is_unknown[^]*OK \] a_sandbox_can_hide_but_not_invent/);
    });

    test("memory that a group above has not is not told as the command's limit", async () => {
        const above = { properties: { Delegate: "yes", MemoryMax: "128M", MemorySwapMax: "0" } };
        const take = (limit) => sandbox(`--memory ${limit} --time 60 -- sh -c ${quoted(`python3 -c '${HOG}'; echo survived`)}`, above);
        for (const [limit, cause] of [["512M", "host_memory"], ["64M", "memory"]]) {
            const { status, report, out, text } = await take(limit);
            assert.deepEqual([status, report.cause, out], [137, cause, ""], text);
        }
    });

    test("what a killed command wrote is known", async () => {
        const script = `dd if=/dev/zero of=/srv/written/a bs=1M count=4 conv=fsync 2>/dev/null && head -c 16M /dev/zero >/tmp/a && exec python3 -c '${HOG}'`;
        await machine.check("mkdir -p /srv/written");
        const { report, text } = await sandbox(`--memory 64M --time 60 --rw /srv/written -- sh -c ${quoted(script)}`, { properties: { Delegate: "yes" } });
        assert.equal(report.cause, "memory", text);
        assert.ok(report.usage.written_bytes >= 4 << 20 && report.usage.written_bytes < 8 << 20, text);
        assert.ok(report.usage.processes >= 2 && report.usage.refused_processes === 0, text);
    });

    for (const kind of ["fork", "memory", "leave"]) {
        test(`a bomb meets its limit: ${kind}`, async () => {
            await runTestProgram(machine, "tests/escape/escape_bombs", { args: [kind, "30"] });
        });
    }

    test("every limit is in the files of a command's group", async () => {
        const script = `/opt/bin/sandbox-run --memory 64M --cpu 50 --pids 20 -- tail -f /dev/null &
            command=$!
            until read -r first <$(echo /sys/fs/cgroup$TEST_CGROUP/run-*)/cgroup.procs; do read -t 0.05 <> <(:) || :; done 2>/dev/null
            cd /sys/fs/cgroup$TEST_CGROUP/run-*
            tail -n +1 memory.max memory.swap.max memory.oom.group pids.max cpu.max cpu.weight io.weight
            directory=$PWD; cd /; kill $command; wait $command || :; test ! -e $directory`;
        const text = await machine.check(`exec ${quoted(join(PROJECT, "tests/vm/leaf"))} bash -c ${quoted(script)}`, { properties: { Delegate: "yes" } });
        const files = Object.fromEntries([...text.matchAll(/==> (\S+) <==\n(.*)\n/g)].map(([, name, value]) => [name, value]));
        assert.deepEqual(files, {
            "memory.max": String(64 << 20),
            "memory.swap.max": "0",
            "memory.oom.group": "1",
            "pids.max": "21", // and pid 1 of the sandbox
            "cpu.max": "50000 100000",
            "cpu.weight": "50",
            "io.weight": "default 50",
        });
    });

    // Without delegation root takes the nearest group above; systemd gives the slice no cpu controller unless a unit asks for one.
    const starters = [
        ["root, in a delegated unit", { properties: { Delegate: "yes" } }, LIMITS],
        ["root, in a unit that is not delegated", {}, "memory_limit,process_limit"],
        ["a user, in a delegated unit", { properties: { Delegate: "yes" }, user: PLAIN }, LIMITS],
    ];
    for (const [who, options, required] of starters) {
        test(`sandbox-run holds its limits as ${who}`, async () => {
            const run = (args) => sandbox(`--require ${required} --time 60 ${args}`, options);
            const memory = await run(`--memory 64M -- sh -c ${quoted(`python3 -c '${HOG}'; echo survived`)}`);
            assert.deepEqual([memory.status, memory.report.cause, memory.out], [137, "memory", ""], memory.text);
            assert.ok(memory.report.usage.peak_memory_bytes >= 60 << 20, memory.err);
            const processes = await run(`--pids 5 -- python3 -c ${quoted(FORKS)}`);
            assert.deepEqual([processes.report.cause, processes.report.usage.refused_processes > 0], ["processes", true], processes.text);
            if (!required.includes("cpu_limit")) return;
            const cpu = await run(`--cpu 20 -- python3 -c ${quoted(SPIN)}`);
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
