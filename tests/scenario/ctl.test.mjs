// The operator's shell beside a running instance: scripts/ctl finds its state directory's database and acts on it at once.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";

import { startServer } from "../harness/server.mjs";
import { sql } from "../harness/sql.mjs";
import { until } from "../harness/until.mjs";

const CTL = fileURLToPath(new URL("../../scripts/ctl", import.meta.url));
const PASSWORD = "a long enough password";

let server;

before(async () => {
    server = await startServer();
});

after(() => server?.stop());

function ctl(args, input = "") {
    const { status, stdout, stderr } = spawnSync(CTL, args, {
        env: { PATH: process.env.PATH, HOME: server.stateDir, STATE_DIR: server.stateDir },
        input,
        encoding: "utf8",
    });
    return { status, stdout, stderr };
}

function succeeded(args, input) {
    const result = ctl(args, input);
    assert.equal(result.status, 0, result.stderr);
    return result.stdout;
}

async function signedIn(name, password = PASSWORD) {
    const client = server.client();
    const answer = await client.login(name, password);
    assert.equal(answer.status, 200, answer.text);
    return client;
}

async function endOf(client, id) {
    await until("the sandbox's end", async () => (await client.sandbox(id)).state === "ended");
    return (await client.sandbox(id)).stop;
}

test("user create: the account signs in; the name can be taken once", async () => {
    succeeded(["user", "create", "--username", "ada", "--role", "user", "--password-stdin"], `${PASSWORD}\n`);
    const ada = await signedIn("ada");
    assert.equal((await ada.request("GET", "/api/users/me")).body.role, "user");
    assert.equal(ctl(["user", "create", "ada", "--password-stdin"], `${PASSWORD}\n`).status, 3);
});

test("user list names both accounts", () => {
    const users = JSON.parse(succeeded(["user", "list", "--json"]));
    assert.deepEqual(users.map(({ username, role }) => `${username} ${role}`).sort(), ["ada user", "admin admin"]);
});

test("sandbox list and sandbox stop: it ends with reason administrator", async () => {
    const ada = await signedIn("ada");
    const { id } = await ada.startSandbox();
    const [row] = JSON.parse(succeeded(["sandbox", "list", "--json"]));
    assert.deepEqual([row.id, row.username, row.state], [id, "ada", "running"]);
    succeeded(["sandbox", "stop", id]);
    assert.equal((await endOf(ada, id)).reason, "administrator");
    assert.deepEqual(JSON.parse(succeeded(["sandbox", "list", "--json"])), []);
    const [old] = JSON.parse(succeeded(["sandbox", "list", "--all", "--json"]));
    assert.equal(old.stop_reason, "administrator");
    assert.equal(ctl(["sandbox", "stop", id]).status, 1);
});

test("sandbox show, network and limits: what runs is shown and changed, and what is refused says why", async () => {
    const ada = await signedIn("ada");
    const made = (await ada.request("POST", "/api/sandboxes", { body: { template: "desktop", network: { mode: "allow", rules: ["example.org"] } } })).body;
    const { id } = made;
    const show = () => JSON.parse(succeeded(["sandbox", "show", id, "--json"]));
    assert.deepEqual([show().username, show().state, show().network.rules], ["ada", "running", ["example.org"]]);
    assert.match(succeeded(["sandbox", "show", id]), /^network:\n  example.org$/m);
    assert.equal(succeeded(["sandbox", "network", id]), "example.org\n");

    assert.equal(succeeded(["sandbox", "network", id, "--allow", "*.Example.org:443", "--allow=[fd00::/8]:22"]), "*.example.org:443\n[fd00::/8]:22\n");
    assert.deepEqual((await ada.sandbox(id)).network, { mode: "allow", rules: ["*.example.org:443", "[fd00::/8]:22"] });
    assert.equal(succeeded(["sandbox", "network", id, "--none"]), "nothing\n");
    assert.deepEqual((await ada.sandbox(id)).network, { mode: "none", rules: [] });

    const secret = { to: "api.example.org:80", header: { name: "Authorization", value: "opensesame42" } };
    assert.equal((await ada.request("PATCH", `/api/sandboxes/${id}`, { body: { network: { mode: "allow", rules: [secret] } } })).status, 200);
    assert.equal(succeeded(["sandbox", "network", id]), "api.example.org:80  with header Authorization\n");
    const replaced = ctl(["sandbox", "network", id, "--allow", "example.net"]);
    assert.deepEqual([replaced.status, replaced.stdout], [0, "example.net\n"]);
    assert.match(replaced.stderr, /headers .* are gone/);

    const limited = ctl(["sandbox", "limits", id, "--pids", "200", "--memory=512"]);
    if (made.layers.find(({ name }) => name === "memory_limit").state === "on") {
        assert.deepEqual([limited.status, limited.stdout], [0, `memory 512\ncpu    ${made.limits.cpu_percent}\npids   200\n`], limited.stderr);
        assert.equal((await ada.sandbox(id)).limits.pids, 200);
        assert.deepEqual(JSON.parse(succeeded(["sandbox", "limits", id, "--json"])).memory_mb, 512);
    } else {
        assert.equal(limited.status, 1);
        assert.match(limited.stderr, /no control groups/);
    }
    const over = ctl(["sandbox", "limits", id, "--memory", "1000000"]);
    assert.equal(over.status, 1);
    assert.match(over.stderr, /"limits.memory_mb" must be a whole number from 128 to/);

    const wrong = [
        [["network", id, "--allow", "exa mple"], /not a destination/],
        [["network", id, "--allow", "example.org", "--none"], /not both/],
        [["network", "five"], /give the id/],
        [["limits", id, "--pids", "many"], /whole number/],
        [["limits", id, "--cpu", "0"], /whole number/],
        [["limits", id, "--pids"], /expected a value/],
        [["show"], /give the id/],
    ];
    for (const [words, sentence] of wrong) {
        const { status, stderr } = ctl(["sandbox", ...words]);
        assert.equal(status, 2, stderr);
        assert.match(stderr, sentence);
    }
    succeeded(["sandbox", "stop", id]);
    await endOf(ada, id);
    for (const words of [["network", id, "--none"], ["limits", id, "--pids", "100"], ["show", "00000000-0000-7000-8000-000000000000"]])
        assert.equal(ctl(["sandbox", ...words]).status, 1);
    assert.equal(show().stop_reason, "administrator");
    assert.equal(sql(server, "SELECT count(*) FROM sandbox_changes"), "0\n");
});

test("user passwd: the old password and the sign-ins are void", async () => {
    const ada = await signedIn("ada");
    succeeded(["user", "passwd", "ada", "--password-stdin"], "another long password\n");
    assert.equal((await ada.refresh()).status, 401);
    assert.equal((await server.client().login("ada", PASSWORD)).status, 401);
    await signedIn("ada", "another long password");
});

test("user disable: sandboxes stop, sign-ins end, no new one until user enable", async () => {
    const ada = await signedIn("ada", "another long password");
    const { id } = await ada.startSandbox();
    succeeded(["user", "disable", "ada"]);
    await until("the end of the sandbox", () => JSON.parse(succeeded(["sandbox", "list", "--json"])).length === 0);
    const row = JSON.parse(succeeded(["sandbox", "list", "--all", "--json"])).find((sandbox) => sandbox.id === id);
    assert.equal(row.stop_reason, "account_disabled");
    assert.equal((await ada.refresh()).status, 401);
    assert.equal((await server.client().login("ada", "another long password")).status, 401);
    succeeded(["user", "enable", "ada"]);
    await signedIn("ada", "another long password");
});

test("doctor finds nothing that fails", () => {
    const report = succeeded(["doctor"]);
    assert.match(report, /database.*reachable/);
    assert.doesNotMatch(report, /password|postgresql:\/\//);
});

test("doctor and config check try the video encoder", () => {
    assert.match(succeeded(["doctor"]), /^ok +video encoder +libx264$/m);
    const env = { PATH: process.env.PATH, HOME: server.stateDir, STATE_DIR: server.stateDir, VIDEO_CODEC: "h264_nvenc" };
    for (const [words, wrong] of [[["doctor"], /^failed +video encoder +/m], [["config", "check"], /^wrong +/m]]) {
        const { status, stdout } = spawnSync(CTL, words, { env, encoding: "utf8" });
        assert.equal(status, 1, stdout);
        assert.match(stdout, new RegExp(`${wrong.source}VIDEO_CODEC h264_nvenc: it needs a GPU, and streamers are confined without devices: use libx264; this machine has: libx264`, "m"));
    }
});

test("wrong words: status 2, and nothing installed is said", () => {
    assert.notEqual(ctl(["user", "vanish", "ada"]).status, 0);
    const elsewhere = spawnSync(CTL, ["user", "list"], { env: { PATH: process.env.PATH, STATE_DIR: "/nonexistent" }, encoding: "utf8" });
    assert.equal(elsewhere.status, 1);
    assert.match(elsewhere.stderr, /^ctl: nothing is installed in \/nonexistent: start scripts\/run first/);
});
