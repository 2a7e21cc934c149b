// The faults that a running instance is put through under load, and the instance that they meet: behind HAProxy where root is, with a desktop that is watched.
import assert from "node:assert/strict";

import { HAProxy } from "./haproxy.mjs";
import { Load } from "./load.mjs";
import { isAlive, isParked, processTree, readOf, signal } from "./processes.mjs";
import { startServer } from "./server.mjs";
import { until } from "./until.mjs";
import { WebSocketClient } from "./websocket.mjs";

const PEOPLE = 2;
const BACK_MS = 60000;
const HELLO = 0x01;
const VIDEO = 0x02;
const COPY = 0x04;
const REFRESH = Buffer.from([0x8a, 0, 0, 0]);
const LISTEN = Buffer.from([0x8b, 0, 0, 0, 1, 0, 0, 0]);
const AS_ROOT = process.getuid() === 0;

export class Trial {
    // env: of the instance; stateDir: where it shall be, prepared like makeStateDir does it.
    static async begin(env = {}, stateDir) {
        const trial = new Trial();
        trial.env = { RECORDING: "allowed", TRUSTED_PROXIES: "127.0.0.1", ...env };
        trial.server = await startServer({ env: trial.env, ...(stateDir && { stateDir }) });
        if (AS_ROOT) trial.edge = await HAProxy.start({ local: trial.server.port }, ["--login-rate", "1000", "--api-rate", "1000000"]);
        trial.admin = await trial.server.adminClient();
        trial.load = new Load(trial.server, { newClient: () => (trial.edge ?? trial.server).client() });
        await trial.watch();
        await trial.load.start(PEOPLE);
        return trial;
    }

    async end() {
        await this.load?.pause().catch(() => {}); // the test that failed has told why
        this.viewer?.destroy();
        await this.edge?.stop();
        await this.server?.stop();
    }

    // A desktop of the administrator with a viewer who listens too.
    async watch() {
        this.viewer?.destroy();
        this.watched = await this.admin.startSandbox();
        await this.look();
    }

    async look() {
        const { body, text } = await this.admin.request("POST", `/api/sandboxes/${this.watched.id}/ticket`, { body: {} });
        assert.ok(body.path, text);
        this.viewer = await WebSocketClient.open(this.server.url, body.path);
        this.viewer.on("message", ({ binary, data }) => binary && this.#acknowledge(data));
        await this.viewer.binary(HELLO);
        this.viewer.send(LISTEN);
    }

    // As a browser that has painted it.
    #acknowledge(data) {
        const message = Buffer.alloc(16);
        message[0] = 0x81;
        if (data[0] >= VIDEO && data[0] <= COPY) message.writeUInt32LE(data.readUInt32LE(4), 4);
        else if (data[0] !== HELLO) return;
        this.viewer.send(message);
    }

    // The picture comes anew when it is asked for.
    async picture() {
        this.viewer.send(REFRESH);
        await this.viewer.next(({ binary, data }) => binary && data[0] === VIDEO && data[1] === 1);
    }

    // The one process of that name whose parent has the other name.
    child(name, parentName) {
        const all = processTree(this.server.pid);
        const isChild = ({ parent }) => all.some((other) => other.pid === parent && other.name === parentName);
        return all.find((process) => process.name === name.slice(0, 15) && isChild(process) && isAlive(process));
    }

    // Another instance with the state and the port of the one that has ended.
    async startAgain() {
        const { stateDir, port, adminPassword } = this.server;
        this.server = await startServer({ stateDir, env: { ...this.env, PORT: String(port) } });
        this.server.adminPassword = adminPassword;
        this.load.moveTo(this.server);
    }

    // What runs in the watched desktop: the one whose home is the administrator's.
    async inside() {
        this.account ??= (await this.admin.request("GET", "/api/users/me")).body.id;
        const [init] = this.server.processes("sandbox-init").filter(({ pid }) => readOf(pid, "mountinfo").includes(this.account));
        return init ? processTree(init.pid) : [];
    }

    // Database, sandboxd and storage are there.
    async works() {
        const answer = await this.server.client().request("GET", "/ready", { token: null }).catch(() => null);
        return answer?.status === 200;
    }

    // Carries out a fault while the load goes on, waits until the service works, has the load go on for a while and compares the ledger. Gives how long
    // the service took until it worked again, in ms.
    async endure({ inflict, all = false, mended }) {
        const { load } = this;
        load.resume();
        await load.acknowledge(5);
        if (all) load.sandboxesMayEnd();
        const began = performance.now();
        await inflict(this);
        await until("a service that works", () => this.works(), BACK_MS);
        const back = performance.now() - began;
        load.sandboxesMayEnd(false);
        await mended(this);
        await load.acknowledge(5);
        await load.verify();
        return back;
    }
}

// What find gives, one process or several, as soon as there is one: what the fault before has ended may not be back yet.
const victimsOf = (find, trial) =>
    until("such a process", async () => {
        const victims = [await find(trial)].flat().filter((process) => process && isAlive(process));
        return victims.length > 0 && victims;
    });

// Kills them, and waits for the end.
const kill = (find) => async (trial) => {
    const victims = await victimsOf(find, trial);
    for (const victim of victims) signal(victim, "SIGKILL");
    await until("the end", () => !victims.some(isAlive));
};

const child = (name, parent) => (trial) => trial.child(name, parent);
const inside = (name) => async (trial) => (await trial.inside()).find((process) => process.name === name && isAlive(process));
const parked = (trial) => processTree(trial.server.pid).find((process) => process.name === "sandbox-init" && isParked(process.pid) && isAlive(process));
const backend = (trial) => processTree(trial.server.pid).find(({ name, pid }) => name === "postgres" && readOf(pid, "cmdline").includes("[local]"));

const supervisor = (trial) => processTree(trial.server.pid).find(({ pid }) => pid === trial.server.pid);
const streamers = (trial) => processTree(trial.server.pid).filter((process) => process.name === "sandbox-streame" && isAlive(process));

const picture = (trial) => trial.picture();

// The watched desktop's end, for that reason; another one takes its place.
const endedBecause = (reason) => async (trial) => {
    const { id } = trial.watched;
    await until("the end of the watched desktop", async () => (await trial.admin.sandbox(id)).state === "ended");
    assert.equal((await trial.admin.sandbox(id)).stop.reason, reason);
    await trial.watch();
};

// The viewer's connection stays, and another streamer begins.
async function streamedAnew(trial) {
    await trial.viewer.binary(HELLO);
    await trial.picture();
}

const another = (name) => async (trial) => {
    await until(`another ${name}`, () => inside(name)(trial));
    await trial.picture();
};

// name: what the tests and the table call it. all: every sandbox may end with it.
export const KILLS = [
    { name: "sandbox-server", inflict: kill(child("sandbox-server", "sandbox-supervi")), mended: (trial) => trial.look() },
    { name: "sandboxd", inflict: kill(child("sandboxd", "sandbox-supervi")), all: true, mended: endedBecause("node_restart") },
    { name: "the spawner of parked desktops", inflict: kill(child("sandboxd-spawn", "sandboxd")), mended: picture },
    { name: "a parked desktop", inflict: kill(parked), mended: picture },
    { name: "sandbox-egress", inflict: kill(child("sandbox-egress", "sandboxd")), mended: picture },
    { name: "a resolver of sandbox-egress", inflict: kill(child("egress-resolver", "egress-keeper")), mended: picture },
    { name: "PostgreSQL", inflict: kill(child("postgres", "sandbox-supervi")), mended: picture },
    { name: "a backend of PostgreSQL", inflict: kill(backend), mended: picture },
    { name: "every sandbox-streamer", inflict: kill(streamers), mended: streamedAnew },
    { name: "sandbox-init", inflict: kill(inside("sandbox-init")), mended: endedBecause("crash") },
    { name: "Xvfb", inflict: kill(inside("Xvfb")), mended: endedBecause("display") },
    { name: "sandbox-display", inflict: kill(inside("sandbox-display")), mended: picture },
    { name: "the window manager", inflict: kill(inside("openbox")), mended: another("openbox") },
    { name: "the panel", inflict: kill(inside("tint2")), mended: another("tint2") },
    { name: "the supervisor's sweeper", inflict: kill(child("sandbox-sweeper", "sandbox-supervi")), mended: picture },
    {
        name: "the supervisor",
        all: true,
        inflict: async (trial) => {
            await trial.server.end("SIGKILL");
            await trial.startAgain();
        },
        mended: endedBecause("node_restart"),
    },
];

// Stops what find gives, as a program is that hangs, and has it go on after a while under load.
const hold = (find) => async (trial) => {
    const victims = await victimsOf(find, trial);
    for (const victim of victims) signal(victim, "SIGSTOP");
    await trial.load.acknowledge(20);
    for (const victim of victims.filter(isAlive)) signal(victim, "SIGCONT");
};

// Stops what find gives until somebody has killed it.
const hang = (find) => async (trial) => {
    const [victim] = await victimsOf(find, trial);
    process.kill(victim.pid, "SIGSTOP");
    await until("its end", () => !isAlive(victim));
};

export const HANGS = [
    { name: "sandbox-server", inflict: hang(child("sandbox-server", "sandbox-supervi")), mended: (trial) => trial.look() },
    { name: "sandboxd", inflict: hang(child("sandboxd", "sandbox-supervi")), all: true, mended: endedBecause("node_restart") },
    { name: "the spawner of parked desktops", inflict: hold(child("sandboxd-spawn", "sandboxd")), mended: picture },
    { name: "sandbox-egress", inflict: hold(child("sandbox-egress", "sandboxd")), mended: picture },
    { name: "PostgreSQL", inflict: hold(child("postgres", "sandbox-supervi")), mended: picture },
    { name: "a backend of PostgreSQL", inflict: hold(backend), mended: picture },
    { name: "every sandbox-streamer", inflict: hold(streamers), mended: picture },
    { name: "sandbox-init", inflict: hold(inside("sandbox-init")), mended: picture },
    { name: "Xvfb", inflict: hold(inside("Xvfb")), mended: picture },
    { name: "the supervisor", inflict: hold(supervisor), mended: picture },
];

// The edge. Without root there is none.
export const EDGE = [
    {
        name: "a reload of HAProxy",
        inflict: async ({ edge, load }) => {
            const { doubtful } = load.ledger;
            await edge.reload();
            assert.equal(load.ledger.doubtful, doubtful, "a request was lost");
        },
        mended: picture,
    },
    {
        name: "kill -9 of HAProxy's worker",
        inflict: async ({ edge }) => {
            for (const pid of edge.workers()) process.kill(Number(pid), "SIGKILL");
            await edge.ended; // a master without a worker ends
            await edge.run();
        },
        mended: picture,
    },
];
