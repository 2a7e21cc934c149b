// The container image as tests/vm/image builds it from the Containerfile, started as the compose file has it: a root that is only read, one uid without any
// capability, no_new_privs. The engine's part (its seccomp profile, its cgroups, its network) is not in it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import { ApiClient } from "../harness/api.mjs";
import { freePort } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";
import { WebSocketClient } from "../harness/websocket.mjs";
import { skipWithout } from "./base.mjs";

const PROJECT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const TREE = process.env.IMAGE_TREE ?? join(PROJECT, "build/image/image");
const KIND_HELLO = 0x01;
const skip = skipWithout(["unshare", "setpriv"]) || (!existsSync(join(TREE, "opt/sandbox-server")) && "no image: tests/vm/image builds it");

// A process in a chroot may make no user namespace: the tree becomes the root.
const START = `set -eu
    mount --bind "$TREE" "$TREE"; cd "$TREE"
    mount -o remount,bind,ro "$TREE"
    for directory in tmp run var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$directory"; done
    mount --bind "$STATE" var/lib/sandbox-server
    mount --rbind /dev dev; mount -t proc proc proc; mount --rbind /sys sys
    mkdir tmp/host; pivot_root . tmp/host; cd /
    umount --lazy /tmp/host
    exec setpriv --reuid 990 --regid 990 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs \
        env -i "$@"`;

const text = readFileSync(join(PROJECT, "deploy/container/Containerfile"), "utf8");
const environment = /^ENV (.*)$/m.exec(text)[1].split(" ");
const entry = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(text)[1]);

let child, state;
after(async () => {
    if (child && child.exitCode === null) {
        child.kill("SIGKILL"); // pid 1 of its namespace is its child, and goes with it
        await once(child, "exit");
    }
    if (state) rmSync(state, { recursive: true, force: true });
});

test("the image starts as the compose file has it, and serves a desktop", { skip }, async () => {
    state = mkdtempSync(join(tmpdir(), "sandbox-server-image-"));
    chownSync(state, 990, 990);
    const port = await freePort();
    const settings = [...environment, `PORT=${port}`, "HOST=127.0.0.1", "SANDBOX_CGROUP_BACKEND=none", "PATH=/usr/bin:/bin"];
    child = spawn("unshare", ["--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "bash", "-c", START, "bash", ...settings, ...entry], {
        env: { PATH: process.env.PATH, TREE, STATE: state },
        stdio: ["ignore", "pipe", "pipe"],
    });
    let log = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (chunk) => (log += chunk));
    const [, password] = await until("the ready line", () => {
        if (child.exitCode !== null) throw new Error(`it ended\n${log}`);
        return /^ready: .* password: (\S+)$/m.exec(log);
    }, 60000).catch((error) => {
        throw new Error(`${error.message}\n${log}`);
    });

    const url = `http://127.0.0.1:${port}`;
    const client = new ApiClient(url);
    assert.equal((await client.login("admin", password)).status, 200);
    const { body: health } = await client.request("GET", "/health");
    const layers = Object.fromEntries(health.layers.map(({ name, state: is }) => [name, is]));
    // docs/OPERATIONS.md, "Containers", the column of the compose file.
    for (const name of ["namespaces", "root", "capabilities", "no_new_privs", "landlock", "seccomp"]) assert.equal(layers[name], "on", `${name}\n${log}`);
    assert.deepEqual([layers.host_uid, layers.memory], ["weaker", "missing"]);
    const sandbox = await client.startSandbox();
    const { body: ticket } = await client.request("POST", `/api/sandboxes/${sandbox.id}/ticket`, { body: {} });
    const socket = await WebSocketClient.open(url, ticket.path, { headers: { Origin: url } });
    await socket.binary(KIND_HELLO, 20000);
    await socket.next(({ binary, data }) => binary && data[0] !== KIND_HELLO && data.length > 1000, 20000);
    socket.destroy();
    // What HEALTHCHECK runs.
    assert.equal((await client.request("GET", "/ready")).status, 200);
});
