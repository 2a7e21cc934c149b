// The clean Debian as a virtual machine: Debian's own kernel, pure cgroup v2 with every controller, AppArmor, Landlock. Emulated, so that it is the
// same everywhere and needs no rights beyond root's: programs run some ten times slower. VM_ACCEL=kvm takes the processor instead, where that works.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { freePort } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";
import { makeBase } from "./base.mjs";
import { System, destroyAtEnd } from "./system.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const BOOT_MS = 180000;
const STOP_MS = 120000;
const RUN_MS = 300000;
const ADDRESS = "10.0.2.15"; // in the machine's own network
const CPU = process.env.VM_ACCEL === "kvm" ? "host" : "Nehalem";
const ACCELERATOR = process.env.VM_ACCEL === "kvm" ? "kvm" : "tcg,thread=multi";
// What no test needs and takes seconds.
const MASKED = ["haproxy.service", "e2scrub_reap.service", "getty@tty1.service", "serial-getty@ttyS0.service"];

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

class Machine extends System {
    #jobs = 0;
    #waiting = null; // {resolve, reject} of the one job that runs
    #boots = 0;

    constructor(child, directory) {
        super();
        this.child = child;
        this.directory = directory;
        this.errors = "";
        this.ended = null;
        child.stderr.setEncoding("utf8").on("data", (chunk) => (this.errors += chunk));
        child.stdout.resume();
        this.exited = once(child, "exit").then(([code, signal]) => {
            this.ended = { code, signal };
            this.#waiting?.reject(new Error(`the machine ended\n${this.console}`));
        });
    }

    get console() {
        return readFileSync(join(this.directory, "console"), "latin1") + this.errors;
    }

    // QEMU makes the socket when it starts, and its clients keep it over reboots.
    async connect() {
        const path = join(this.directory, "port");
        this.port = await until("the port of the machine", () => {
            assert.equal(this.ended, null, this.errors);
            return new Promise((resolve) => {
                const socket = connect(path, () => resolve(socket));
                socket.on("error", () => resolve(null));
            });
        });
        this.port.on("error", () => {}); // the machine's end is told by its exit
        createInterface({ input: this.port }).on("line", (line) => this.#hear(line));
    }

    #hear(line) {
        if (line === "up") {
            this.#boots++;
            this.#waiting?.reject(new Error(`the machine started again\n${this.console}`));
            return;
        }
        const [number, status] = line.split(" ").map(Number);
        if (number === this.#waiting?.number) this.#waiting.resolve(status);
    }

    // Runs a program in the machine, in no unit: {status, out, err, text}. One at a time.
    async execute(argv, { timeoutMs = RUN_MS, input = "" } = {}) {
        assert.equal(this.#waiting, null, "one job at a time");
        assert.equal(this.ended, null, this.errors);
        const number = ++this.#jobs;
        const file = join(this.directory, "job", String(number));
        writeFileSync(file, argv.map(quoted).join(" "));
        writeFileSync(`${file}.in`, input);
        let timer;
        try {
            const status = await new Promise((resolve, reject) => {
                this.#waiting = { number, resolve, reject };
                timer = setTimeout(() => reject(new Error(`not done after ${timeoutMs} ms: ${argv.join(" ")}\n${this.console}`)), timeoutMs);
                this.port.write(`${number}\n`);
            });
            const [out, err] = ["out", "err"].map((name) => readFileSync(`${file}.${name}`, "utf8"));
            return { status, out, err, text: out + err };
        } finally {
            clearTimeout(timer);
            this.#waiting = null;
        }
    }

    async up(boots = 1) {
        const running = () => {
            assert.equal(this.ended, null, this.console);
            return this.#boots >= boots;
        };
        await until("the machine's agent", running, BOOT_MS).catch((error) => {
            throw new Error(`${error.message}\n${this.console}`);
        });
        const state = await this.execute(["systemctl", "is-system-running", "--wait"], { timeoutMs: BOOT_MS });
        this.systemState = state.out.trim();
        if (this.forwarded) await this.check(`device=$(ls /sys/class/net | grep -v lo); ip link set $device up; ip address add ${ADDRESS}/24 dev $device`);
    }

    // Has AppArmor enforce the profiles in that text, also for programs that have such a profile already.
    async loadProfiles(text) {
        const result = await this.execute(["apparmor_parser", "--replace", "--skip-cache"], { input: text });
        assert.equal(result.status, 0, result.text);
    }

    #qmp(command) {
        this.child.stdin.write(`${JSON.stringify({ execute: command })}\n`);
    }

    // Its systemd goes down in order and comes up again; the disk stays.
    async reboot() {
        const boots = this.#boots + 1;
        await this.execute(["systemctl", "reboot", "--no-block"]);
        await this.up(boots);
    }

    // As a power cut: what was not written to the disk is lost. Then it boots again.
    async reset() {
        const boots = this.#boots + 1;
        this.#qmp("system_reset");
        await this.up(boots);
    }

    async powerOff() {
        await this.execute(["systemctl", "poweroff", "--no-block"]);
        await until("the end of the machine", () => this.ended, STOP_MS);
        await this.destroy();
    }

    async destroy() {
        if (!this.ended) this.child.kill("SIGKILL");
        await this.exited;
        this.port?.destroy();
        rmSync(this.directory, { recursive: true, force: true });
    }
}

const share = (tag, path, readOnly) => [
    ...["-fsdev", `local,id=${tag},path=${path},security_model=none,multidevs=remap${readOnly ? ",readonly=on" : ""}`],
    ...["-device", `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`],
];

// A port of this machine's loopback address that leads to the machine's, and nothing that leads out of it.
function forwardArguments({ from, to }) {
    return ["-netdev", `user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:${from}-${ADDRESS}:${to}`, "-device", "virtio-net-pci,netdev=net"];
}

function qemuArguments({ kernel, initramfs, disk }, directory, { mounts, memoryMb, forward }) {
    const options = ["console=ttyS0", "rdinit=/init", "panic=1", "quiet", "systemd.show_status=0", "systemd.wants=agent.service"];
    const append = [...options, ...MASKED.map((unit) => `systemd.mask=${unit}`)].join(" ");
    return [
        ...["-accel", ACCELERATOR, "-cpu", CPU, "-smp", "2", "-m", String(memoryMb)],
        ...["-nodefaults", "-no-user-config", "-display", "none", "-qmp", "stdio"],
        ...["-kernel", kernel, "-initrd", initramfs, "-append", append],
        ...["-serial", `file:${join(directory, "console")}`],
        ...["-drive", `if=none,id=disk,file=${disk},format=raw,snapshot=on,cache=unsafe`, "-device", "virtio-blk-pci,drive=disk"],
        ...["-chardev", `socket,id=port,path=${join(directory, "port")},server=on,wait=off`],
        ...["-device", "virtio-serial-pci", "-device", "virtserialport,chardev=port,name=job"],
        ...["-device", "virtio-rng-pci"],
        ...(forward ? forwardArguments(forward) : []),
        ...share("job", join(directory, "job"), false),
        ...mounts.flatMap(({ tag, from, readOnly }) => share(tag, from, readOnly)),
    ];
}

// Boots a machine and waits until its units are up. binds and readOnlyBinds: {path of the host: path inside}. port: one of the machine that `forwarded` of
// this host's loopback address leads to. It is destroyed at the latest when the test file ends; what it wrote to its disk goes with it.
export async function boot({ base = makeBase(), binds = {}, readOnlyBinds = {}, memoryMb = 2048, port } = {}) {
    const directory = mkdtempSync(join(realpathSync(process.env.VM_TMPDIR ?? tmpdir()), "sandbox-server-vm-"));
    const shares = [...Object.entries(binds).map((pair) => [...pair, false]), ...Object.entries(readOnlyBinds).map((pair) => [...pair, true])];
    const mounts = shares.map(([from, to, readOnly], index) => ({ tag: `share${index}`, from, to, readOnly }));
    const job = join(directory, "job");
    mkdirSync(job);
    for (const name of ["agent", "agent.service"]) copyFileSync(join(HERE, name), join(job, name));
    writeFileSync(join(job, "mounts"), mounts.map(({ tag, to, readOnly }) => `${tag} ${to} ${readOnly ? "ro,cache=loose" : "rw"}\n`).join(""));
    writeFileSync(join(directory, "console"), "");
    const forward = port && { from: await freePort(), to: port };
    const child = spawn("setpriv", ["--pdeathsig=KILL", "qemu-system-x86_64", ...qemuArguments(base, directory, { mounts, memoryMb, forward })], {
        env: { ...process.env, TMPDIR: directory }, // where what is written to the disk goes
        stdio: ["pipe", "pipe", "pipe"],
    });
    const machine = new Machine(child, directory);
    machine.forwarded = forward?.from;
    destroyAtEnd(machine);
    child.stdin.on("error", () => {});
    child.stdin.write(`${JSON.stringify({ execute: "qmp_capabilities" })}\n`);
    await machine.connect();
    await machine.up();
    return machine;
}
