// The container image as tests/vm/image builds it from the Containerfile, started as the compose file has it: a root that is only read, one uid without any
// capability, no_new_privs, the seccomp profile. The engine's part (its cgroups, its network) is not in it. Without IMAGE_TREE, which names an image that was
// built to its end, the image's last stage gets the programs of this build.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { ApiClient } from "../harness/api.mjs";
import { isAlive, processTree, readOf } from "../harness/processes.mjs";
import { freePort } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";
import { WebSocketClient } from "../harness/websocket.mjs";
import { skipWithout } from "./base.mjs";

const PROJECT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const KIND_HELLO = 0x01;
const USER = 990;
// The engine's filter, which compose.yaml names.
const FILTER = join(process.env.PROGRAMS ?? "", "libexec/sandbox-server/tests/seccomp_profile");
const PROFILE = join(PROJECT, "deploy/container/seccomp.json");
const skip = skipWithout(["unshare", "setpriv", "mmdebstrap"]);

// A process in a chroot may make no user namespace: the tree becomes the root.
const START = `set -eu
    mount --bind "$TREE" "$TREE"; cd "$TREE"
    [ -z "$BUILT" ] || mount --bind "$BUILT" opt/sandbox-server
    mount -o remount,bind,ro "$TREE"
    for directory in tmp run var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$directory"; done
    mount --bind "$STATE" var/lib/sandbox-server
    mount --rbind /dev dev; mount -t proc proc proc; mount --rbind /sys sys
    mkdir tmp/host; pivot_root . tmp/host; cd /
    umount --lazy /tmp/host
    exec setpriv --reuid ${USER} --regid ${USER} --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs \
        env -i "$@"`;

const text = readFileSync(join(PROJECT, "deploy/container/Containerfile"), "utf8");
const environment = /^ENV (.*)$/m.exec(text)[1].split(" ");
const entry = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(text)[1]);
const healthcheck = JSON.parse(/^HEALTHCHECK .* CMD (.*)$/m.exec(text)[1]);
const stopSignal = /^STOPSIGNAL (.*)$/m.exec(text)[1];

const tree = () => process.env.IMAGE_TREE ?? execFileSync(join(PROJECT, "tests/vm/image"), ["--without-programs"], { encoding: "utf8" }).trim();

let state, words, settings, url;
const started = [];

before(async () => {
    if (skip) return;
    state = mkdtempSync(join(tmpdir(), "sandbox-server-image-"));
    chownSync(state, USER, USER);
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    settings = [...environment, `PORT=${port}`, "HOST=127.0.0.1", "SANDBOX_CGROUP_BACKEND=none", "PATH=/usr/bin:/bin"];
    words = { TREE: tree(), BUILT: process.env.IMAGE_TREE ? "" : process.env.PROGRAMS, STATE: state };
});

after(async () => {
    for (const { child, ended } of started) {
        child.kill("SIGKILL"); // pid 1 of its namespace is its child, and goes with it
        await ended;
    }
    if (state) rmSync(state, { recursive: true, force: true });
});

class Container {
    static async start() {
        const container = new Container();
        const unshare = ["--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "bash", "-c", START, "bash"];
        container.child = spawn(FILTER, [PROFILE, "unshare", ...unshare, ...settings, ...entry], { env: { PATH: process.env.PATH, ...words }, stdio: ["ignore", "pipe", "pipe"] });
        container.log = "";
        for (const stream of [container.child.stdout, container.child.stderr]) stream.setEncoding("utf8").on("data", (chunk) => (container.log += chunk));
        container.ended = once(container.child, "exit").then(([code, signal]) => (container.status = { code, signal }));
        started.push(container);
        [, container.password] = await container.wait("the ready line", () => /^ready: \S+  user: admin(?:  password: (\S+))?$/m.exec(container.log));
        return container;
    }

    // Fails with what it said when it ends meanwhile.
    wait(what, condition) {
        const check = () => {
            if (this.status) throw new Error("it ended");
            return condition();
        };
        return until(what, check, 60000).catch((error) => assert.fail(`${error.message}\n${this.log}`));
    }

    get leader() {
        return Number(readFileSync(`/proc/${this.child.pid}/task/${this.child.pid}/children`, "utf8"));
    }

    // As the engine runs a health check: in it, as its user, with its environment. The status.
    execute(argv) {
        const user = ["setpriv", "--reuid", String(USER), "--regid", String(USER), "--clear-groups", "env", "-i"];
        return spawnSync("nsenter", ["--target", String(this.leader), "--mount", "--pid", "--", ...user, ...settings, ...argv], { encoding: "utf8" }).status;
    }

    // As the engine ends it.
    async stop() {
        const all = processTree(this.child.pid);
        process.kill(this.leader, stopSignal);
        await until("the end of the container", () => this.status, 20000);
        assert.equal(this.status.code, 0, this.log);
        assert.deepEqual(all.filter(isAlive), []);
    }
}

async function openDesktop(client, id) {
    const { body: ticket } = await client.request("POST", `/api/sandboxes/${id}/ticket`, { body: {} });
    const socket = await WebSocketClient.open(url, ticket.path, { headers: { Origin: url } });
    await socket.binary(KIND_HELLO, 20000);
    await socket.next(({ binary, data }) => binary && data[0] !== KIND_HELLO && data.length > 1000, 20000);
    return socket;
}

let container, client;

test("the image starts as the compose file has it, and serves a desktop", { skip }, async () => {
    container = await Container.start();
    client = new ApiClient(url);
    assert.equal((await client.login("admin", container.password)).status, 200);
    const { body: health } = await client.request("GET", "/health");
    const layers = Object.fromEntries(health.layers.map(({ name, state: is }) => [name, is]));
    // docs/OPERATIONS.md, "Containers", the column of the compose file.
    const spaces = ["user", "pid", "mount", "network", "ipc", "uts", "cgroup"].map((name) => `${name}_namespace`);
    for (const name of [...spaces, "root", "capabilities", "no_new_privileges", "resource_limits", "landlock", "seccomp"])
        assert.equal(layers[name], "on", `${name}\n${container.log}`);
    assert.deepEqual([layers.host_uid, layers.memory_limit, layers.cpu_limit, layers.process_limit], ["weaker", "missing", "missing", "missing"]);
    assert.notEqual(layers.egress, "missing");
    const { id } = await client.startSandbox();
    (await openDesktop(client, id)).destroy();
    // Everything in it, the sandbox too, is one user's without a capability.
    const statuses = processTree(container.leader).map(({ pid }) => readOf(pid, "status")).filter(Boolean);
    assert.ok(statuses.length > 10);
    for (const status of statuses) {
        assert.match(status, new RegExp(`^Uid:\t${USER}\t${USER}\t${USER}\t${USER}$`, "m"));
        assert.match(status, /^NoNewPrivs:\t1$/m);
    }
});

test("its health check is true", { skip }, async () => {
    assert.equal(container.execute(healthcheck), 0);
    const server = processTree(container.leader).find(({ name }) => name === "sandbox-server");
    process.kill(server.pid, "SIGKILL");
    // It is started again by the supervisor.
    await container.wait("the server that is started again", () => processTree(container.leader).some(({ name, pid }) => name === "sandbox-server" && pid !== server.pid));
    await container.wait("its health", () => container.execute(healthcheck) === 0);
});

test("the engine's signal ends all of it in order, and the volume keeps accounts and homes", { skip }, async () => {
    await container.stop();
    const homes = readdirSync(join(state, "homes"));
    assert.equal(homes.length, 1);
    const password = container.password;
    container = await Container.start();
    assert.equal(container.password, undefined);
    assert.equal((await client.login("admin", password)).status, 200);
    const { id } = await client.startSandbox();
    (await openDesktop(client, id)).destroy();
    assert.deepEqual(readdirSync(join(state, "homes")), homes);
    await container.stop();
});
