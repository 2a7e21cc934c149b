// A whole private instance, started by the real supervisor from the staged programs (PROGRAMS), in a state directory of its own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { chmodSync, chownSync, cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after } from "node:test";

import { ApiClient } from "./api.mjs";
import { isAlive, isParked, processTree } from "./processes.mjs";
import { until } from "./until.mjs";

const PROGRAMS = process.env.PROGRAMS;
const START_MS = 60000;
const STOP_MS = 60000;
const READY = /^ready: (http:\/\/\S+)(?:  user: (\S+)(?:  password: (\S+))?)?$/m;

// Below those that the kernel gives to connections (ip_local_port_range), of which there are many while tests run beside each other: what is free
// now is free until it is used. No port is given twice here.
const PORTS = { from: 20000, count: 12000 };
const given = new Set();
export async function freePort() {
    for (;;) {
        const port = PORTS.from + randomInt(PORTS.count);
        if (given.has(port)) continue;
        given.add(port);
        const server = createServer();
        const free = once(server, "listening").then(() => true, () => false);
        server.listen(port, "127.0.0.1");
        if (!(await free)) continue;
        server.close();
        await once(server, "close");
        return port;
    }
}

// Like scripts/run leaves it: with the programs inside, where their own users can reach them wherever the source stands.
export function makeStateDir(user) {
    assert.ok(PROGRAMS, "PROGRAMS must name the staged programs");
    const directory = mkdtempSync(join(tmpdir(), "sandbox-server-test-"));
    chmodSync(directory, 0o755);
    cpSync(PROGRAMS, join(directory, "programs"), { recursive: true });
    if (user) chownSync(directory, user.uid, user.gid);
    return directory;
}

// Who fails in the middle leaves its instance to this: it would keep the test program waiting. A benchmark is no test.
const running = new Set();
const endRunning = () => running.forEach((child) => child.kill("SIGTERM"));
if (process.env.NODE_TEST_CONTEXT) after(endRunning);
else process.on("exit", endRunning);

// Those that lie in an instance's directory, or show some of it. Others mount and unmount beside a test.
const mountsOf = (stateDir) => readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter((line) => line.includes(basename(stateDir)));

// The supervisor names its control groups after the state directory's identity.
function cgroupsOf(stateDir) {
    const { dev, ino } = statSync(stateDir);
    const name = `sandbox-server-${dev.toString(16)}-${ino.toString(16)}`;
    const root = "/sys/fs/cgroup";
    if (!existsSync(root)) return [];
    const hierarchies = [root, ...readdirSync(root).map((entry) => join(root, entry))];
    return hierarchies.map((directory) => join(directory, name)).filter((path) => existsSync(path));
}

export class Server {
    constructor(child, stateDir, port) {
        this.child = child;
        this.stateDir = stateDir;
        this.port = port;
        this.stdout = "";
        this.stderr = "";
        this.mountsBefore = mountsOf(stateDir);
        child.stdout.on("data", (chunk) => (this.stdout += chunk));
        child.stderr.on("data", (chunk) => (this.stderr += chunk));
        running.add(child);
        this.exited = once(child, "exit").then(([code, signal]) => {
            running.delete(child);
            return { code, signal };
        });
    }

    get pid() {
        return this.child.pid;
    }

    get log() {
        return this.stdout + this.stderr;
    }

    // Waits for the ready line. Throws with the log when the supervisor ends instead.
    async ready(timeoutMs = START_MS) {
        let ended = null;
        this.exited.then((status) => (ended = status));
        const match = await until(
            "the ready line",
            () => {
                if (ended) throw new Error(`ended before it was ready: ${JSON.stringify(ended)}\n${this.log}`);
                return READY.exec(this.stdout);
            },
            timeoutMs,
        );
        [, this.url, this.adminName, this.adminPassword = null] = match;
        return this;
    }

    // The one process of that name below the supervisor that is not parked. Its children bear its name too until they execute their own program.
    process(name) {
        const all = this.processes(name);
        const found = all.filter(({ parent }) => !all.some(({ pid }) => pid === parent));
        assert.equal(found.length, 1, `${found.length} processes named ${name}`);
        return found[0];
    }

    processes(name) {
        return processTree(this.pid).filter((process) => process.name === name.slice(0, 15) && !isParked(process.pid));
    }

    kill(name, signal = "SIGKILL") {
        const target = this.process(name);
        process.kill(target.pid, signal);
        return target;
    }

    client() {
        return new ApiClient(this.url);
    }

    async adminClient() {
        const client = this.client();
        const answer = await client.login("admin", this.adminPassword ?? this.knownPassword);
        assert.equal(answer.status, 200, answer.text);
        return client;
    }

    // Ends the supervisor with a signal and proves that nothing is left.
    async end(signal = "SIGTERM") {
        const all = processTree(this.pid);
        if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
        let status = null;
        this.exited.then((ended) => (status = ended));
        await until("the supervisor's end", () => status, STOP_MS).catch((error) => {
            throw new Error(`${error.message}\n${this.log}`);
        });
        await until("the end of every process", () => all.every((process) => !isAlive(process)), STOP_MS).catch(() => {
            const left = all.filter(isAlive).map(({ pid, name }) => `${name} (${pid})`);
            assert.fail(`left running: ${left.join(", ")}\n${this.log}`);
        });
        await until("the removal of the cgroups", () => cgroupsOf(this.stateDir).length === 0, STOP_MS);
        assert.deepEqual(mountsOf(this.stateDir), this.mountsBefore, "mounts are left");
        return status;
    }

    async stop() {
        const status = await this.end();
        assert.deepEqual(status, { code: 0, signal: null }, this.log);
        rmSync(this.stateDir, { recursive: true, force: true });
    }
}

// Starts without waiting: for tests of a start that fails. user: {uid, gid} to drop to. through: a program among the staged ones, and its arguments, that executes
// the supervisor.
export async function spawnServer({ env = {}, user, stateDir = makeStateDir(user), through = [] } = {}) {
    const port = Number(env.PORT ?? (await freePort()));
    const programs = join(stateDir, "programs");
    const [program, ...args] = [...through.map((word, index) => (index === 0 ? join(programs, word) : word)), join(programs, "bin/sandbox-supervisor")];
    const child = spawn(program, args, {
        env: { PATH: process.env.PATH, HOME: stateDir, STATE_DIR: stateDir, PORT: String(port), ...env },
        stdio: ["ignore", "pipe", "pipe"],
        ...user,
    });
    return new Server(child, stateDir, port);
}

export async function startServer(options = {}) {
    const server = await spawnServer(options);
    await server.ready();
    return server;
}
