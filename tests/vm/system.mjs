// What containers and virtual machines have in common: scripts run in them as transient units.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after } from "node:test";

const RUN_MS = 120000;
const OUTPUT_MAX = 1 << 24;

// Runs a program of the host. {status, out, err, text}: text is both, in the order in which they came.
export function execute(argv, { timeoutMs = RUN_MS, input = "", env } = {}) {
    const child = spawn(argv[0], argv.slice(1), { stdio: ["pipe", "pipe", "pipe"], env: env ? { ...process.env, ...env } : process.env });
    const result = { status: null, out: "", err: "", text: "" };
    const collect = (stream) => (chunk) => {
        if (result.text.length > OUTPUT_MAX) return void child.kill("SIGKILL");
        result[stream] += chunk;
        result.text += chunk;
    };
    child.stdout.setEncoding("utf8").on("data", collect("out"));
    child.stderr.setEncoding("utf8").on("data", collect("err"));
    child.stdin.on("error", () => {}); // it may end without reading
    child.stdin.end(input);
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
            child.kill("SIGKILL");
            reject(new Error(`not done after ${timeoutMs} ms: ${argv.join(" ")}\n${result.text}`));
        }, timeoutMs);
        child.on("error", reject);
        child.on("close", (status, signal) => {
            clearTimeout(timer);
            resolve({ ...result, status: status ?? signal });
        });
    });
}

// Who fails in the middle leaves its systems to this. Within a test it would be called at the end of that test. A benchmark is no test.
const booted = [];
if (process.env.NODE_TEST_CONTEXT) after(() => Promise.all(booted.map((system) => system.destroy())));

export function destroyAtEnd(system) {
    booted.push(system);
}

export class System {
    // Runs a shell script as a transient unit: {status, out, err, text}. properties: of the unit (systemd.exec(5)); user: who it runs as;
    // args: more for systemd-run, as --scope or --user.
    run(script, { timeoutMs, properties = {}, env = {}, user, input, args = [] } = {}) {
        const options = Object.entries({ ...properties, ...(user && { User: user }) }).map(([name, value]) => `--property=${name}=${value}`);
        const variables = Object.entries(env).map(([name, value]) => `--setenv=${name}=${value}`);
        const unit = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", ...args, ...options, ...variables];
        return this.execute([...unit, "/bin/bash", "--norc", "-euc", script], { timeoutMs, input });
    }

    // As run; fails unless the script returns 0. Gives what it printed.
    async check(script, options) {
        const result = await this.run(script, options);
        assert.equal(result.status, 0, `${script}\n${result.text}`);
        return result.out;
    }
}
