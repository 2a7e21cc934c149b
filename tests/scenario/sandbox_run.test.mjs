// sandbox-run on real processes: its statuses, causes and refusals, and what a command sees, as root (with groups and an own uid) and as a plain user.
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, it } from "node:test";

import { PLAIN_UID, directory, finish, program, report, root, run, shell, start, users } from "../harness/sandbox_run.mjs";

for (const user of users) {
    describe(`as ${user}`, () => {
        it("has the status of the command", async () => {
            assert.equal((await run(user, "--", "true")).status, 0);
            assert.equal((await run(user, "--", "sh", "-c", "exit 7")).status, 7);
            assert.equal((await run(user, "sh", "-c", "kill -TERM $$")).status, 143);
            assert.equal((await run(user, "sh", "-c", "kill -KILL $$")).status, 137);
            assert.equal((await run(user, "sh", "-c", "kill -ABRT $$")).status, 134);
        });

        it("runs the script of README as README says", async () => {
            const [, words] = /^ {4}sandbox-run (.*)$/m.exec(readFileSync(new URL("../../README.md", import.meta.url), "utf8"));
            writeFileSync(join(directory, "untrusted.py"), "print(6 * 7)\n");
            const { status, out, err } = await run(user, ...words.split(" "));
            assert.deepEqual([status, out], [0, "42\n"], err);
            assert.equal(JSON.parse(err.trim().split("\n").at(-1)).cause, "exited");
        });

        it("shows of /proc what programs need, and no more", async () => {
            // What a directory lists does not tell of mounts: each file is looked at.
            const files = String.raw`find /proc -path '/proc/[0-9]*' -prune -o -path /proc/sys -prune -o -type f -print | while read f; do [ ! -f $f -o ! -r $f ] || echo $f; done`;
            const settings = String.raw`find /proc/sys -type f -print | while read f; do [ ! -w $f -a ! -c $f ] || echo $f; done`;
            const needed = ["cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "sysvipc/msg", "sysvipc/sem", "sysvipc/shm", "uptime", "version"];
            const masked = ["fs/dentry-state", "fs/file-nr", "fs/inode-nr", "fs/inode-state", "kernel/random/boot_id"];
            for (const profile of ["code", "browser", "desktop"]) {
                const seen = await run(user, "--profile", profile, "--", "sh", "-c", `${files}; ${settings}`);
                const paths = [...needed.map((name) => `/proc/${name}`), ...masked.map((name) => `/proc/sys/${name}`)];
                assert.deepEqual(seen.out.trim().split("\n").sort(), paths.sort(), seen.err);
            }
        });

        it("reaches what --net lists by its proxy, and nothing else", async () => {
            const outside = createServer((request, response) => response.end("outside"));
            await once(outside.listen(0), "listening");
            const at = (address) => `http://${address}:${outside.address().port}/`;
            const programs = join(directory, `with-egress-${user}`);
            mkdirSync(programs);
            for (const name of ["sandbox-run", "sandbox-egress"]) copyFileSync(join(process.env.PROGRAMS, "bin", name), join(programs, name));
            const ask = `curl -s ${at("127.0.0.2")}; curl -s ${at("127.0.0.3")}; curl -s --noproxy '*' ${at("127.0.0.2")} || echo " none"`;
            const child = start(user, ["--json=3", "--net", `127.0.0.2:${outside.address().port},1-2,example.org`, "--", "sh", "-c", ask], {}, join(programs, "sandbox-run"));
            const { status, out, report } = await finish(child);
            outside.close();
            assert.equal(status, 0);
            assert.match(out, /^outside127\.0\.0\.3:\d+: This address is not on the allow list of this sandbox\.\n none\n$/);
            assert.deepEqual([report.usage.network_allowed, report.usage.network_refused], [1, 1]);
            assert.ok(report.usage.network_in_bytes > 0);
            assert.equal(report.layers.egress.state, user === "root" ? "on" : "weaker");
        });

        it("says what it can't do in one line", async () => {
            const cases = [
                [[], 125, "no command given"],
                [["--"], 125, "no command given"],
                [["--memory", "much", "true"], 125, "--memory much"],
                [["--memory", "1K", "true"], 125, "--memory 1K"],
                [["--memory", "99999999999999999999", "true"], 125, "--memory"],
                [["--cpu", "0", "true"], 125, "--cpu 0"],
                [["--cpu", "5x", "true"], 125, "--cpu 5x"],
                [["--pids", "-1", "true"], 125, "--pids -1"],
                [["--time", "0", "true"], 125, "--time 0"],
                [["--time", "1e3", "true"], 125, "--time 1e3"],
                [["--time", "0x10", "true"], 125, "--time 0x10"],
                [["--time"], 125, "needs a value"],
                [["--profile", "root", "true"], 125, "--profile root: unknown"],
                [["--ro", "/no/such/path", "true"], 125, "--ro /no/such/path: No such file"],
                [["--ro", "/", "true"], 125, "has its own /"],
                [["--rw", "/proc/self", "true"], 125, "/proc"],
                [["--net", "example.org:443", "true"], 125, "sandbox-egress"], // not beside this copy of the program
                [["--net", "none,example.org", "true"], 125, "none and hosts, not both"],
                [["--net", "exa mple", "true"], 125, "--net exa mple: not none and not HOST"],
                [["--require", "magic", "true"], 125, "unknown layer"],
                [["--require", "", "true"], 125, "unknown layer"],
                [["--plan=all", "true"], 125, "--plan=all: this option takes no value"],
                [["-qv", "true"], 125, "unknown option -qv"],
                [["--json=77", "true"], 125, "not open"],
                [["--env", "=x", "true"], 125, "NAME=VALUE"],
                [["--frobnicate", "true"], 125, "unknown option"],
                [["--net", "none", "--net", "example.org", "true"], 125, "none and hosts, not both"],
                [["--require", "all,magic", "true"], 125, "there are all, user_namespace"],
                [["--chdir", "tmp", "true"], 125, "--chdir tmp: not an absolute path"],
                [["--chdir", "/no/such", "true"], 125, "--chdir /no/such: No such file or directory in the sandbox"],
                [["--at", "/x", "true"], 125, "behind the --ro or --rw"],
                [["--ro", "/usr", "--at", "x", "true"], 125, "--at x: not an absolute path"],
                [["--ro", "/usr", "--at", "/x/../usr", "true"], 125, "not an absolute path without . and .."],
                [["--ro", "/usr", "--at", "/proc/x", "true"], 125, "a sandbox has its own /proc"],
                [["--ro", "/usr", "--at", "/etc", "true"], 125, "has its own /etc"],
                [["--ro", "/usr/share", "--at", "/usr/x", "true"], 125, "Read-only file system; what is read-only has no room"],
                [["--ro", "/proc", "--at", "/x", "true"], 125, "a sandbox has its own /proc"],
                [["--ro", "/", "--at", "/x", "true"], 125, "a sandbox has its own /"],
                [["--ro", "/usr/bin", "--at", "/x", "--ro", "/usr/lib", "--at", "/x", "true"], 125, "/x: two paths for one place"],
                [["--ro", "/usr/bin", "--at", "/var/tmp/x", "--ro", "/usr/lib", "--at", "/tmp/x", "true"], 125, "/tmp/x: two paths for one place"],
                [["--ro", "/usr/share", "--at", "/lib/x", "--ro", "/usr/include", "--at", "/usr/lib/x", "true"], 125, "/usr/lib/x: two paths for one place"],
                [["--ro", "/usr", "--at", "/x", "--at", "/y", "true"], 125, "has its place already"],
                [["no-such-command"], 127, "no-such-command: No such file"],
                [["/etc/passwd"], 126, "/etc/passwd: Permission denied"],
            ];
            for (const [args, status, text] of cases) {
                const result = await run(user, ...args);
                assert.equal(result.status, status, `${args}: ${result.err}`);
                assert.equal(result.err.trim().split("\n").length, 1, result.err);
                assert.ok(result.err.startsWith("sandbox-run: ") && result.err.includes(text), result.err);
            }
        });

        it("runs shells, compilers and interpreters in the smallest profile", async () => {
            const script = `set -e
                python3 -c 'import subprocess, threading, asyncio, socket; print(subprocess.check_output(["echo", "python"]).decode().strip())'
                node -e 'require("child_process").execSync("true"); console.log("node", require("os").userInfo().username)'
                cd /tmp; printf 'int main(void) { return 7; }' >a.c; gcc a.c; ./a.out || echo c $?`;
            const result = await shell(user, script, "--time", "50", "--memory", "1G");
            assert.deepEqual(result.out.trim().split("\n"), ["python", "node user", "c 7"], result.err);
        });

        it("shows nothing of the host", async () => {
            const script = `hostname; id -un; ls /home /proc | grep -c '^[0-9]'; ls /home; env | cut -d= -f1 | sort | tr '\\n' ' '; echo
                cat /proc/1/cmdline | tr '\\0' ' ' | wc -w; cat /proc/1/environ 2>&1 | grep -c SECRET
                cut -d: -f3 /proc/self/cgroup | sort -u; grep -c . /etc/passwd
                cat /proc/kallsyms /proc/cmdline /proc/keys | wc -c; (echo 1 >/proc/sys/kernel/core_pattern) 2>/dev/null || echo shut`;
            const child = start(user, ["--", "sh", "-c", script], { env: { SECRET: "SECRET", PATH: "/usr/bin:/bin" } });
            const result = await finish(child);
            assert.deepEqual(result.out.trim().split("\n").map((line) => line.trim()), [
                "sandbox", "user", result.out.split("\n")[2].trim(), "user",
                "HOME LANG LOGNAME PATH PWD SHELL TMPDIR USER", "0", "0", "/", "3", "0", "shut",
            ], result.err);
        });

        it("sets each variable once", async () => {
            const { out } = await run(user, "--env", "HOME=/tmp", "--env", "A=1", "--env", "A=2", "--env", "B=", "--", "env");
            assert.deepEqual(out.split("\n").filter((line) => /^(HOME|A|B)=/.test(line)).sort(), ["A=2", "B=", "HOME=/tmp"]);
        });

        it("makes no namespace in the code profile, and a browser's in the others", async () => {
            const script = "unshare -U true && echo user; unshare -Um true && echo mount; cat /proc/sys/user/max_user_namespaces";
            assert.equal((await shell(user, script)).out, "0\n");
            for (const profile of ["browser", "desktop"])
                assert.equal((await shell(user, script, "--profile", profile)).out, "user\n64\n");
        });

        it("gives paths as they were asked for", async () => {
            const shared = mkdtempSync(join(directory, "shared-"));
            const file = join(shared, "file");
            writeFileSync(file, "content\n");
            if (root) {
                chownSync(shared, user === "plain" ? PLAIN_UID : 0, 0);
                chownSync(file, user === "plain" ? PLAIN_UID : 0, 0);
            }
            const reading = await shell(user, `cat ${file}; echo x >${file} || echo refused; echo x >${shared}/new || echo refused`, "--ro", shared);
            assert.equal(reading.out, "content\nrefused\nrefused\n");
            const hidden = await shell(user, `cat ${file}`);
            assert.equal(hidden.status, 1);
            for (const turn of ["1", "2"]) {
                const writing = await shell(user, `pwd; echo ${turn} >${file} && echo ${turn} >${shared}/new`, "--rw", shared);
                assert.equal(writing.status, 0, writing.err);
                assert.equal(readFileSync(file, "utf8"), `${turn}\n`);
                assert.equal(readFileSync(join(shared, "new"), "utf8"), `${turn}\n`);
            }
        });

        it("places paths, and the narrower one wins in any order", async () => {
            const shared = mkdtempSync(join(directory, "placed-"));
            mkdirSync(join(shared, "inner"));
            writeFileSync(join(shared, "file"), "content\n");
            if (root) for (const path of [shared, join(shared, "inner"), join(shared, "file")]) chownSync(path, user === "plain" ? PLAIN_UID : 0, 0);
            const script = `touch ${shared}/x && touch ${shared}/inner/x 2>/dev/null || echo shut`;
            for (const order of [["--ro", join(shared, "inner"), "--rw", shared], ["--rw", shared, "--ro", join(shared, "inner"), "--ro", join(shared, "inner")]])
                assert.equal((await run(user, ...order, "--", "sh", "-c", script)).out, "shut\n");
            const placed = ["--rw", shared, "--at", "/work/tree", "--ro", join(shared, "file"), "--at", "/home/user/deep/name", "--chdir", "/work/tree"];
            const placedRun = await run(user, ...placed, "--", "sh", "-c", "pwd; cat ~/deep/name; ls / 2>/dev/null; echo; echo y >file; (echo x >~/deep/name) 2>/dev/null || echo shut");
            assert.equal(placedRun.out, "/work/tree\ncontent\n\nshut\n", placedRun.err);
            assert.equal(readFileSync(join(shared, "file"), "utf8"), "y\n");
            // A link of the new root, as /var/tmp, is one inside.
            const linked = await run(user, "--ro", shared, "--at", "/var/tmp/placed", "--", "sh", "-c", "cat /var/tmp/placed/file /tmp/placed/file");
            assert.equal(linked.out, "y\ny\n", linked.err);
            for (const link of ["/var/tmp", "/var/run"]) {
                const target = link.slice("/var".length);
                const [wide, narrow] = [["--rw", shared, "--at", `${link}/d`], ["--ro", join(shared, "inner"), "--at", `${target}/d/inner`]];
                const inside = `touch ${target}/d/x && touch ${target}/d/inner/x 2>/dev/null || echo shut`;
                for (const order of [[...wide, ...narrow], [...narrow, ...wide]])
                    assert.equal((await run(user, ...order, "--", "sh", "-c", inside)).out, "shut\n", link);
            }
        });

        it("takes a variable of the caller's", async () => {
            const child = start(user, ["--env", "TAKEN", "--env", "NOT_THERE", "--", "sh", "-c", "echo $TAKEN ${NOT_THERE-none}"], { env: { TAKEN: "a=b" } });
            assert.equal((await finish(child)).out, "a=b none\n");
        });

        it("reports what never started", async () => {
            const missing = await report(user, "--chdir", "/no/such", "true");
            assert.deepEqual([missing.status, missing.report.cause, missing.report.failed.operation], [125, "start_failed", "directory_change"]);
            const alone = await report(user, "--net", "example.org", "true"); // sandbox-egress is not beside this copy
            assert.deepEqual([alone.status, alone.report.failed.operation, alone.report.usage.cpu_us], [125, "egress", null]);
        });

        it("says aloud that a limit has no effect", async () => {
            const { status, err } = await run(user, "--cpu", "50", "--memory", "64M", "--profile", "browser", "--", "true");
            const held = user === "root" ? [] : [/^sandbox-run: --memory has no effect here: no control group/, /^sandbox-run: --cpu has no effect here: no control group/];
            const lines = err.split("\n").filter((line) => line);
            assert.deepEqual([status, lines.length], [0, held.length], err);
            held.forEach((pattern, i) => assert.match(lines[i], pattern));
        });

        it("does with few descriptors, or says how many it needs", async () => {
            const few = (limit) => finish(start(user, ["-c", `ulimit ${limit}; exec "$@"`, "sh", program, "--", "true"], {}, "/bin/sh"));
            assert.equal((await few("-Sn 20")).status, 0);
            const none = await few("-n 20");
            assert.equal(none.status, 125);
            assert.match(none.err, /^sandbox-run: .*\(ulimit -n\): 128 are enough.*\n$/);
            const three = await few("-n 3");
            assert.equal(three.status, 125);
            assert.match(three.err, /^sandbox-run: \/dev\/null can't be opened: .*\(ulimit -n\).*\n$/);
        });

        it("holds up with callers who ignore signals, and readers who do not read", async () => {
            const ignoring = (name, ...words) => {
                const script = `import os, signal, sys; signal.signal(signal.${name}, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])`;
                return start(user, ["-c", script, program, ...words], { stdio: ["pipe", "pipe", "pipe", "pipe"] }, "python3");
            };
            assert.equal((await finish(ignoring("SIGCHLD", "--", "sh", "-c", "true & exit 3"))).status, 3);
            const child = ignoring("SIGHUP", "--", "sh", "-c", "echo ready; read word; exit 4"); // as nohup(1)
            child.stdout.once("data", () => {
                child.kill("SIGHUP");
                child.stdin.end("\n");
            });
            assert.equal((await finish(child)).status, 4);
            const stuck = start(user, ["--output", "1M", "--", "yes"]);
            const ended = once(stuck, "exit");
            await once(stuck.stdout, "readable"); // and nothing is taken but what a stream reads ahead
            const asking = setInterval(() => stuck.kill("SIGTERM"), 20);
            assert.equal((await ended)[0], 143);
            clearInterval(asking);
            stuck.stdout.destroy();
        });

        it("lets nothing read the terminal in the background", async () => {
            // A shell's part, by hand: a job in the background, then one that is stopped, continued in the background, and brought to the front.
            const script = String.raw`
import os, pty, signal, sys
program = sys.argv[1]
def job(front, *words):
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        if front:
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            os.tcsetpgrp(0, os.getpid())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execv(program, [program, "--", "sh", "-c", *words])
    return pid
shell, terminal = pty.fork()
if shell == 0:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.waitpid(job(False, "cat; (head -c1 <&1; head -c1 <&2) 2>/dev/null; echo background over"), 0)
    pid = job(True, "echo ready; stty -echo; cat; echo foreground over")
    states = []
    states.append(os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1]))
    os.tcsetpgrp(0, os.getpgrp())
    os.kill(pid, signal.SIGCONT)
    states.append(os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1]))
    print("stopped twice" if all(states) else states, flush=True)
    os.tcsetpgrp(0, pid)
    os.kill(pid, signal.SIGCONT)
    os.waitpid(pid, 0)
    os.tcsetpgrp(0, os.getpgrp())
    os.system("stty -a | grep -o ' echo '")
    os._exit(0)
seen = b""
def until(text):
    global seen
    while text not in seen:
        seen += os.read(terminal, 4096)
until(b"ready")
os.write(terminal, b"\x1a")
until(b"stopped twice")
os.write(terminal, b"typed\n\x04")
until(b"foreground over")
until(b" echo ")
os.waitpid(shell, 0)
print(seen.decode())`;
            const { status, out, err } = await finish(start(user, ["-c", script, program], {}, "python3"));
            assert.equal(status, 0, err);
            assert.match(out.replaceAll("\r", ""), /^background over\nready\n.*stopped twice.*typed\nforeground over\n echo \n/s, out);
        });

        it("stops whatever it runs before it is stopped itself", async () => {
            // The terminal belongs to the shell then: what is typed is its own, also when a process of another session waited for it.
            const script = String.raw`
import os, pty, signal, sys
def job(early, words):
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        if early: # it stays pending across the execution
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTSTP])
            os.kill(os.getpid(), signal.SIGTSTP)
        os.execv(sys.argv[1], [sys.argv[1], "--", "sh", "-c", words])
    return pid
shell, terminal = pty.fork()
if shell == 0:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    reader = 'exec 3<&0; setsid sh -c "echo ready; read word; echo got \\$word" <&3 & wait'
    for early, words in [(False, reader), (True, "read word; echo got $word")]:
        pid = job(early, words)
        stopped = os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])
        os.tcsetpgrp(0, os.getpgrp())
        print("stopped" if stopped else "not stopped", flush=True)
        print("shell got", os.read(0, 100).decode(), flush=True)
        os.tcsetpgrp(0, pid)
        os.kill(pid, signal.SIGCONT)
        os.waitpid(pid, 0)
        os.tcsetpgrp(0, os.getpgrp())
    os._exit(0)
seen = b""
def until(text):
    global seen
    while text not in seen:
        seen += os.read(terminal, 4096)
    seen = seen[seen.index(text) + len(text):]
until(b"ready")
os.write(terminal, b"\x1a")
for _ in range(2):
    until(b"stopped")
    os.write(terminal, b"mine\n")
    until(b"shell got mine")
    os.write(terminal, b"yours\n")
    until(b"got yours")
os.waitpid(shell, 0)`;
            const { status, err } = await finish(start(user, ["-c", script, program], {}, "python3"));
            assert.equal(status, 0, err);
        });

        it("leaves the terminal as it was, also where it was there to write on only", async () => {
            const script = String.raw`
import os, pty, signal, sys, termios
hostile = """
import fcntl, termios
try:
    fcntl.ioctl(1, termios.TIOCEXCL)
except PermissionError:
    print("refused", flush=True)
settings = termios.tcgetattr(1)
settings[3] &= ~termios.ECHO
termios.tcsetattr(1, termios.TCSANOW, settings)
termios.tcflow(1, termios.TCOOFF)
"""
shell, terminal = pty.fork()
if shell == 0:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    for front in [True, False]:
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            if front:
                os.tcsetpgrp(0, os.getpid())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            os.execv(sys.argv[1], [sys.argv[1], "--", "python3", "-c", hostile])
        status = os.waitpid(pid, os.WUNTRACED)[1]
        os.tcsetpgrp(0, os.getpgrp())
        echo = bool(termios.tcgetattr(0)[3] & termios.ECHO)
        print("status", status, "echo", echo if front else "not known", flush=True)
    os._exit(0)
seen = b""
while b"not known" not in seen:
    seen += os.read(terminal, 4096)
os.waitpid(shell, 0)
print(seen.decode())`;
            const { status, out, err } = await finish(start(user, ["-c", script, program], {}, "python3"));
            assert.equal(status, 0, err);
            assert.equal(out.replaceAll("\r", "").trim(), "refused\nstatus 0 echo True\nrefused\nstatus 0 echo not known", out);
        });

        it("shares as many paths as it says, in each profile", async () => {
            const shared = mkdtempSync(join(directory, "many-"));
            chmodSync(shared, 0o755);
            const options = Array.from({ length: 32 }, (_, i) => {
                mkdirSync(join(shared, String(i)));
                return ["--ro", join(shared, String(i)), "--env", `V${i}=${i}`];
            }).flat();
            for (const profile of ["code", "browser", "desktop"]) {
                const { out, err } = await run(user, "--profile", profile, ...options, "--", "sh", "-c", `ls ${shared} | wc -l; env | grep -c ^V`);
                assert.equal(out, "32\n32\n", profile + err);
            }
            const over = await run(user, ...options, "--ro", shared, "true");
            assert.deepEqual([over.status, /more than 32 paths/.test(over.err)], [125, true]);
        });

        it("kills what runs too long, and writes too much", async () => {
            const long = await shell(user, "trap '' TERM INT; (setsid sh -c 'while :; do :; done' &) ; while :; do :; done", "--time", "0.3");
            assert.equal(long.status, 137);
            assert.equal(long.report.cause, "time");
            if (existsSync("/sys/fs/cgroup/memory")) assert.equal(long.report.usage.written_bytes, null); // v2 counts it
            assert.match(long.err, /ran longer than 0.3 s/);
            const loud = await shell(user, "yes", "--output", "10K");
            assert.equal(loud.report.cause, "output");
            assert.equal(loud.out.length, 10240);
            const quiet = await shell(user, "printf 12345; printf 678 >&2", "--output", "8");
            assert.deepEqual([quiet.status, quiet.out, quiet.err, quiet.report.usage.output_bytes], [0, "12345", "678", 8]);
        });

        it("bounds a file", async () => {
            const result = await shell(user, "trap '' XFSZ; truncate -s 16G /tmp/x && ! truncate -s 17G /tmp/x");
            assert.equal(result.status, 0, result.err);
            assert.match(result.err, /File too large/);
        });
        it("tells causes and usage", async () => {
            const exited = await shell(user, "exit 3");
            assert.deepEqual([exited.report.cause, exited.report.exit_status, exited.report.signal], ["exited", 3, null]);
            assert.equal(typeof exited.report.usage.written_bytes, "number");
            assert.ok(exited.report.usage.wall_us > 0 && exited.report.usage.peak_memory_bytes > 100000);
            const signalled = await shell(user, "kill -USR1 $$");
            assert.deepEqual([signalled.report.cause, signalled.report.signal], ["signalled", 10]);
            const missing = await report(user, "no-such-command");
            assert.deepEqual([missing.report.cause, missing.report.exit_status], ["start_failed", 127]);
            const busy = await shell(user, "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done");
            assert.ok(busy.report.usage.cpu_us > 20000, JSON.stringify(busy.report.usage));
        });

        it("passes signals on, and ends with its caller", async () => {
            const child = start(user, ["--json=3", "--", "sh", "-c", "trap 'echo got; exit 5' TERM; echo ready; while :; do :; done"]);
            child.stdout.once("data", () => child.kill("SIGTERM"));
            const trapped = await finish(child);
            assert.deepEqual([trapped.status, trapped.out], [5, "ready\ngot\n"]);
            const other = start(user, ["--json=3", "--", "sh", "-c", "echo ready; exec tail -f /dev/null"]);
            other.stdout.once("data", () => other.kill("SIGINT"));
            const ended = await finish(other);
            assert.deepEqual([ended.status, ended.report.cause], [130, "user"]);
            // The pipe closes only when the last process that holds it is gone.
            const killed = start(user, ["--", "sh", "-c", "echo ready; setsid sh -c 'exec tail -f /dev/null' & exec tail -f /dev/null"]);
            killed.stdout.once("data", () => killed.kill("SIGKILL"));
            assert.equal((await finish(killed)).signal, "SIGKILL");
        });

        it("prints a plan and does nothing", async () => {
            const result = await run(user, "--plan", "--", "touch", "/tmp/x");
            assert.equal(result.status, 0);
            for (const line of ["pivot", "seccomp", "run", "argument touch"])
                assert.ok(result.out.split("\n").some((text) => text.startsWith(line)), line);
        });
    });
}
