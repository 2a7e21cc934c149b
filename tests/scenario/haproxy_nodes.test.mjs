// Two nodes over one database behind one edge: a path leads to its node, a browser stays with one, and the end of one leaves the other.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect as connectHttp2 } from "node:http2";
import { after, before, test } from "node:test";

import { connectOverHttp2, HAProxy } from "../harness/haproxy.mjs";
import { Postgres } from "../harness/postgres.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";
import { SUBPROTOCOL, WebSocketClient } from "../harness/websocket.mjs";

const HELLO = 0x01;
const NAMES = ["north", "south"];
const skip = process.getuid() === 0 ? false : "HAProxy changes its user, which takes root";

let postgres, edge, session, token;
const nodes = {};

before(async () => {
    if (skip) return;
    postgres = await Postgres.start();
    const env = { DATABASE_URL: postgres.url, JWT_SECRET: randomBytes(32).toString("hex"), TRUSTED_PROXIES: "127.0.0.1", SANDBOX_POOL_DESKTOP: "0" };
    for (const name of NAMES) nodes[name] = await startServer({ env: { ...env, NODE_ID: name } });
    const ports = Object.fromEntries(NAMES.map((name) => [name, nodes[name].port]));
    edge = await HAProxy.start(ports, ["--login-rate", "1000", "--api-rate", "100000"]);
    await until("both nodes", async () => (await edge.servers()).every(({ status }) => status.startsWith("UP")));
    const client = edge.client();
    const answer = await client.login("admin", nodes.north.adminPassword);
    assert.equal(answer.status, 200, answer.text);
    token = client.token;
    session = connectHttp2(edge.url, { ca: edge.ca, lookup: (_, options, done) => done(null, options.all ? [{ address: "127.0.0.1", family: 4 }] : "127.0.0.1", 4) });
    session.on("error", () => {});
});

after(async () => {
    session?.destroy();
    await edge?.stop();
    for (const node of Object.values(nodes)) await node.stop();
    await postgres?.stop();
});

// As a browser that was first answered by that node.
const ask = (name, method, path, body) => edge.client({ headers: name ? { cookie: `sandbox_node=${name}` } : {} }).request(method, path, { body, token });

async function startOn(name) {
    const { status, body, text } = await ask(name, "POST", "/api/sandboxes", { template: "desktop" });
    assert.equal(status, 201, text);
    assert.equal(body.node, name);
    return body.id;
}

async function pathOf(name, id) {
    const { status, body, text } = await ask(name, "POST", `/api/sandboxes/${id}/ticket`, {});
    assert.equal(status, 201, text);
    assert.ok(body.path.startsWith(`/ws/${name}/sandboxes/${id}/`), body.path);
    return body.path;
}

const open = async (path) => new WebSocketClient(await connectOverHttp2(session, path, { protocol: SUBPROTOCOL, origin: edge.url }), Buffer.alloc(0));

const sandboxes = {};
const viewers = {};

test("a browser without a cookie gets one, and stays with that node", { skip }, async () => {
    const answer = await ask(null, "GET", "/api/users/me");
    assert.equal(answer.status, 200);
    assert.match(answer.cookies.join("\n"), /^sandbox_node=(north|south);.*HttpOnly.*Secure.*SameSite=Strict/im);
    for (const name of NAMES) sandboxes[name] = await startOn(name);
    // A token of one node is good at the other, and both know all sandboxes.
    for (const name of NAMES) {
        const { body } = await ask(name, "GET", "/api/sandboxes?state=active");
        assert.deepEqual(body.items.map(({ id }) => id).sort(), Object.values(sandboxes).sort());
    }
});

test("a WebSocket goes to the node of its path, whatever node its connection was for", { skip }, async () => {
    // Over one connection, by turns.
    for (const name of [...NAMES, ...NAMES]) {
        viewers[name]?.destroy();
        viewers[name] = await open(await pathOf(name, sandboxes[name]));
        await viewers[name].binary(HELLO);
    }
});

test("a request for a sandbox of the other node is told its name", { skip }, async () => {
    const { status, body } = await ask("north", "POST", `/api/sandboxes/${sandboxes.south}/ticket`, {});
    assert.equal(status, 421);
    assert.equal(body.type, "urn:sandbox-server:problem:wrong-node");
    assert.match(body.detail, /"south"/);
    // A ticket of one node opens nothing at the other.
    const path = await pathOf("south", sandboxes.south);
    await assert.rejects(open(path.replace("/ws/south/", "/ws/north/")), ({ status: refused }) => refused >= 400 && refused < 500);
});

test("the end of one node ends its streams alone; its browsers are served by the other", { skip }, async () => {
    const path = await pathOf("south", sandboxes.south);
    await nodes.south.stop();
    delete nodes.south;
    await viewers.south.ended();
    await until("HAProxy to see it", async () => (await edge.server("south")).status.startsWith("DOWN"));
    await assert.rejects(open(path), { status: 503 });
    assert.equal((await ask("south", "GET", "/api/users/me")).status, 200);
    assert.equal(viewers.north.closed, null);
    viewers.north.destroy();
    viewers.north = await open(await pathOf("north", sandboxes.north));
    await viewers.north.binary(HELLO);
});
