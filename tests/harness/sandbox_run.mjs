// sandbox-run as root and as a plain user: a copy of the program where both reach it, and what a run of it gave.
import { spawn } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";

export const PLAIN_UID = 64321;
const DEADLINE_MS = 60000;
export const root = process.getuid() === 0;
export const directory = mkdtempSync(join(tmpdir(), "sandbox-run-"));
export const program = join(directory, "sandbox-run");
chmodSync(directory, 0o755);
copyFileSync(join(process.env.PROGRAMS, "bin", "sandbox-run"), program);
after(() => rmSync(directory, { recursive: true, force: true }));

export function start(user, args, options = {}, path = program) {
    const ids = user === "plain" && root ? { uid: PLAIN_UID, gid: PLAIN_UID } : {};
    return spawn(path, args, { cwd: directory, stdio: ["ignore", "pipe", "pipe", "pipe"], ...ids, ...options });
}

// Ends with {status, signal, out, err, report}: the report is what came by descriptor 3.
export function finish(child) {
    const text = ["", "", "", ""];
    for (const fd of [1, 2, 3])
        child.stdio[fd]?.on("data", (data) => (text[fd] += data));
    const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
    return new Promise((resolve) =>
        child.on("close", (status, signal) => {
            clearTimeout(timer);
            resolve({ status, signal, out: text[1], err: text[2], report: text[3] ? JSON.parse(text[3]) : null });
        }),
    );
}

export const run = (user, ...args) => finish(start(user, args));
export const report = (user, ...args) => run(user, "--json=3", ...args);
export const shell = (user, script, ...options) => report(user, ...options, "--", "sh", "-c", script);
// The groups below the own ones and those above: others make and remove theirs meanwhile.
function groups(name = /^run-\d+$/) {
    const found = [];
    for (const line of readFileSync("/proc/self/cgroup", "utf8").trim().split("\n")) {
        const [, controllers, path] = line.split(":");
        const bases = controllers ? [controllers] : ["unified", "."];
        for (const base of bases)
            for (let at = path; ; at = dirname(at)) {
                const directory = join("/sys/fs/cgroup", base, at);
                if (existsSync(directory)) found.push(...readdirSync(directory).filter((entry) => name.test(entry)).map((entry) => join(directory, entry)));
                if (at === "/") break;
            }
    }
    return [...new Set(found)];
}
export const groupsOf = (pid) => groups(new RegExp(`^run-${pid}$`));

export const users = root ? ["root", "plain"] : ["plain"];
