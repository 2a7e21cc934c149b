// A clean Debian booted by systemd-nspawn, in a second. It has the host's kernel: the host's control groups, no AppArmor.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { processTree, readOf } from "../harness/processes.mjs";
import { until } from "../harness/until.mjs";
import { makeBase } from "./base.mjs";
import { System, destroyAtEnd, execute } from "./system.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const BOOT_MS = 60000;
const STOP_MS = 60000;

// systemd-nspawn serves several options of this form.
const pairs = (option, map) => Object.entries(map).map(([from, to]) => `${option}=${from}:${to}`);

class Container extends System {
    constructor(child, state) {
        super();
        this.child = child;
        this.state = state;
        this.console = "";
        for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (chunk) => (this.console += chunk));
        this.ended = null;
        this.exited = once(child, "exit").then(([code, signal]) => (this.ended = { code, signal }));
    }

    // Its pid 1, as the host numbers it: the first of a pid namespace within the one that ends with the container's start script.
    get leader() {
        return processTree(this.child.pid).find(({ pid }) => /^NSpid:\t\d+\t\d+\t1$/m.test(readOf(pid, "status")))?.pid ?? null;
    }

    // The arguments before a program of the host that is to run in the container's network.
    get inNetwork() {
        return ["nsenter", "--target", String(this.leader), "--net"];
    }

    // A file of the container as a path of the host.
    path(name) {
        return join("/proc", String(this.leader), "root", name);
    }

    async #up() {
        const deadline = performance.now() + BOOT_MS;
        const alive = () => {
            if (this.ended) throw new Error(`the container ended: ${JSON.stringify(this.ended)}\n${this.console}`);
            return true;
        };
        await until("pid 1 of the container", () => alive() && this.leader && existsSync(this.path("run/systemd/private")), BOOT_MS);
        this.booted = this.leader;
        const state = await this.execute(["systemctl", "is-system-running", "--wait"], { timeoutMs: deadline - performance.now() });
        this.systemState = state.out.trim();
    }

    #inside() {
        return ["nsenter", "--target", String(this.booted), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--"];
    }

    // Runs a program of the container, in no unit.
    execute(argv, options) {
        return execute([...this.#inside(), ...argv], options);
    }

    // Its systemd goes down in order and comes up again; what was written stays.
    async reboot() {
        const before = this.leader;
        await this.execute(["systemctl", "reboot"]);
        await until("the reboot", () => this.ended || (this.leader && this.leader !== before), STOP_MS);
        await this.#up();
    }

    // Ends it in order and removes what it wrote.
    async powerOff() {
        await this.execute(["systemctl", "poweroff"]);
        await until("the end of the container", () => this.ended, STOP_MS);
        assert.deepEqual(this.ended, { code: 0, signal: null }, this.console);
    }

    // Ends it as a power cut does. Does nothing when it has ended.
    async destroy() {
        if (!this.ended) this.child.kill("SIGTERM");
        await this.exited;
    }

    static async boot({ tree = makeBase().tree, binds = {}, readOnlyBinds = {}, options = [] } = {}) {
        // Beside the trees and not in /tmp, which may be memory.
        const state = mkdtempSync(join(realpathSync(process.env.VM_TMPDIR ?? tmpdir()), "sandbox-server-vm-"));
        const start = ["--pdeathsig=TERM", join(HERE, "container"), tree, state];
        const mounts = [...pairs("--bind", binds), ...pairs("--bind-ro", readOnlyBinds)];
        const child = spawn("setpriv", [...start, ...mounts, ...options], { stdio: ["ignore", "pipe", "pipe"] });
        const container = new Container(child, state);
        destroyAtEnd(container);
        await container.#up();
        return container;
    }
}

// Boots a container and waits until its units are up. tree: a directory that is only read; binds and readOnlyBinds: {path of the host: path
// inside}; options: more for systemd-nspawn. It is destroyed at the latest when the test file ends.
export const boot = (options) => Container.boot(options);
