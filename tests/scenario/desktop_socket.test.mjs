// The desktop WebSocket: who gets in, what a browser may say, and what it is told.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";
import { requestUpgrade, WebSocketClient } from "../harness/websocket.mjs";

let server;
let admin;
let sandbox;
let pid;
before(async () => {
    server = await startServer();
    admin = await server.adminClient();
    sandbox = await admin.startSandbox();
    pid = server.process("sandbox-server").pid;
});
after(async () => {
    await server.stop();
});

const HELLO = 0x01;

async function ticket(access, id = sandbox.id) {
    const { status, body, text } = await admin.request("POST", `/api/sandboxes/${id}/ticket`, { body: access ? { access } : {} });
    assert.equal(status, 201, text);
    return body;
}

async function open(access) {
    const client = await WebSocketClient.open(server.url, (await ticket(access)).path, { headers: { Origin: server.url } });
    await client.notice("session");
    return client;
}

async function refused(path, options) {
    const { status, body, headers, socket } = await requestUpgrade(server.url, path, options);
    socket.destroy();
    assert.equal(headers["content-type"], "application/problem+json");
    assert.equal(JSON.parse(body).status, status);
    return status;
}

test("a ticket is good once", async () => {
    const { path } = await ticket();
    const client = await WebSocketClient.open(server.url, path);
    client.destroy();
    assert.equal(await refused(path), 401);
});

test("wrong and missing tickets, paths, nodes, subprotocols and methods", async () => {
    const { path } = await ticket();
    const bare = path.split("?")[0];
    assert.equal(await refused(bare), 401);
    assert.equal(await refused(`${bare}?ticket=`), 401);
    assert.equal(await refused(`${bare}?ticket=x`), 401);
    assert.equal(await refused(`${bare}?ticket=${"A".repeat(43)}`), 401);
    assert.equal(await refused(`${bare}?ticket=${"A".repeat(4000)}`), 401);
    assert.equal(await refused(path.replace("/desktop", "/other")), 404);
    assert.equal(await refused(path.replace(sandbox.id, "x")), 404);
    assert.equal(await refused(path.replace(/^\/ws\/[^/]+/, "/ws/elsewhere")), 421);
    assert.equal(await refused(path, { protocol: null }), 400);
    assert.equal(await refused(path, { protocol: "http" }), 400);
    assert.equal(await refused(path, { protocol: "epoll" }), 400);
    assert.equal(await refused(path, { headers: { "Sec-WebSocket-Version": "8" } }), 400);
    assert.equal(await refused(path, { method: "POST", headers: { "Content-Length": "0" } }), 404);
    // None of these took the ticket.
    const client = await WebSocketClient.open(server.url, path);
    client.destroy();
});

test("a ticket for another sandbox does not open this one, and is gone", async () => {
    const other = await admin.startSandbox();
    const { path } = await ticket(undefined, other.id);
    assert.equal(await refused(path.replace(other.id, sandbox.id)), 403);
    assert.equal(await refused(path), 401);
    await admin.request("DELETE", `/api/sandboxes/${other.id}`);
});

test("a foreign page is refused before its ticket is looked at", async () => {
    const { path } = await ticket();
    assert.equal(await refused(path, { headers: { Origin: "https://evil.example" } }), 403);
    assert.equal(await refused(path, { headers: { Origin: "null" } }), 403);
    const client = await WebSocketClient.open(server.url, path, { headers: { Origin: server.url } });
    client.destroy();
});

test("someone else's sandbox does not exist", async () => {
    for (const [method, path] of [["GET", ""], ["DELETE", ""], ["POST", "/ticket"]]) {
        const answer = await admin.request(method, `/api/sandboxes/01975fe0-0000-7000-8000-000000000001${path}`, { body: method === "POST" ? {} : undefined });
        assert.equal(answer.status, 404);
    }
});

// kind: [smallest length, largest length] of docs/PROTOCOL.md.
const KINDS = {
    0x81: [16, 16], 0x82: [12, 12], 0x83: [12, 12], 0x84: [12, 12], 0x85: [16, 16], 0x86: [16, 16], 0x87: [8, 8], 0x88: [12, 12],
    0x89: [20, 65536], 0x8a: [4, 4], 0x8b: [8, 8],
};

async function closedAfter(act, access) {
    const client = await open(access);
    await client.binary(HELLO);
    act(client);
    const { code } = await client.ended();
    client.destroy();
    return code;
}

test("messages of every kind, too short and too long: 4001", async () => {
    for (const [kind, [shortest, longest]] of Object.entries(KINDS)) {
        for (const length of [1, shortest - 1, longest + 1]) {
            const message = Buffer.alloc(length);
            message[0] = Number(kind);
            assert.equal(await closedAfter((client) => client.send(message)), 4001, `kind ${kind}, ${length} bytes`);
        }
    }
});

test("unknown kinds, an empty message, text: 4001", async () => {
    for (const kind of [0x00, 0x01, 0x80, 0x8c, 0xff])
        assert.equal(await closedAfter((client) => client.send(Buffer.from([kind, 0, 0, 0]))), 4001, `kind ${kind}`);
    assert.equal(await closedAfter((client) => client.send(Buffer.alloc(0))), 4001);
    assert.equal(await closedAfter((client) => client.frame(1, "hello")), 4001);
});

test("a message in fragments is one message, and bounded as one", async () => {
    const pointer = Buffer.alloc(12);
    pointer[0] = 0x84;
    const client = await open();
    await client.binary(HELLO);
    client.frame(2, pointer.subarray(0, 5), { fin: false });
    client.frame(0, pointer.subarray(5));
    client.send(Buffer.from([0x8a, 0, 0, 0])); // refresh: answered by a key frame
    await client.binary(0x02);
    assert.equal(client.closed, null);
    client.frame(2, pointer, { fin: false });
    client.frame(0, Buffer.alloc(1), { fin: false });
    assert.equal((await client.ended()).code, 4001);
});

test("a flood of messages, and of bytes: 4002", async () => {
    // So much that a busy server, which takes it over some seconds, is still flooded.
    const flood = (size, count, kind) => (client) => {
        const message = Buffer.alloc(size);
        message[0] = kind;
        message[4] = 1;
        for (let i = 0; i < count; i++) client.send(message);
    };
    assert.equal(await closedAfter(flood(4, 20000, 0x8a)), 4002);
    assert.equal(await closedAfter(flood(65536, 800, 0x89)), 4002);
});

test("who may only watch can't act", async () => {
    for (const kind of [0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89]) {
        const message = Buffer.alloc(KINDS[kind][0]);
        message[0] = kind;
        assert.equal(await closedAfter((client) => client.send(message), "view"), 4001, `kind ${kind}`);
    }
});

test("frames that break RFC 6455 end the connection", async () => {
    const wrong = [
        (client) => client.frame(2, Buffer.alloc(12), { masked: false }),
        (client) => client.frame(3, Buffer.alloc(4)),
        (client) => client.frame(2, Buffer.alloc(4), { rsv: 4 }),
        (client) => client.frame(0, Buffer.alloc(4)),
        (client) => client.frame(9, Buffer.alloc(200)),
        (client) => client.socket.write(Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
    ];
    for (const act of wrong) {
        const code = await closedAfter(act);
        assert.ok([1002, 1006, 4001].includes(code), `${act}: ${code}`);
    }
});

test("nine viewers are one too many", async () => {
    await until("no viewers", async () => (await admin.sandbox(sandbox.id)).viewers === 0);
    const clients = [];
    for (let i = 0; i < 8; i++) clients.push(await open());
    await until("eight viewers", async () => (await admin.sandbox(sandbox.id)).viewers === 8);
    const ninth = await WebSocketClient.open(server.url, (await ticket()).path);
    assert.equal((await ninth.ended()).code, 4005);
    for (const client of clients) client.destroy();
    await until("no viewers", async () => (await admin.sandbox(sandbox.id)).viewers === 0);
});

test("a killed streamer comes back in the same connection", async () => {
    const client = await open();
    await client.binary(HELLO);
    for (const { pid: streamer } of server.processes("sandbox-streamer").concat(server.processes("streamer"))) process.kill(streamer, "SIGKILL");
    await client.notice("streamer");
    await client.binary(HELLO, 1000);
    client.destroy();
});

test("signing out closes the viewers of that sign-in alone", async () => {
    const other = server.client();
    await other.login("admin", server.adminPassword);
    const theirs = await other.request("POST", `/api/sandboxes/${sandbox.id}/ticket`, { body: {} });
    const client = await WebSocketClient.open(server.url, theirs.body.path);
    const mine = await open();
    await client.notice("session");
    await other.logout();
    assert.equal((await client.ended()).code, 4003);
    assert.equal(mine.closed, null);
    mine.destroy();
});

test("the end of a sandbox is told before the close", async () => {
    const short = await admin.startSandbox();
    const { path } = await ticket(undefined, short.id);
    const client = await WebSocketClient.open(server.url, path);
    await client.notice("session");
    const answer = await admin.request("DELETE", `/api/sandboxes/${short.id}`);
    assert.equal(answer.status, 200);
    assert.deepEqual([answer.body.state, answer.body.stop.reason], ["ended", "user"]);
    assert.equal((await client.notice("ended")).reason, "user");
    assert.equal((await client.ended()).code, 4000);
    const again = await admin.request("POST", `/api/sandboxes/${short.id}/ticket`, { body: {} });
    assert.equal(again.status, 409);
});

test("acknowledgements that lie cost the liar its streamer at most", async () => {
    const acknowledgement = (sequence, decode, queued) => {
        const message = Buffer.alloc(16);
        message[0] = 0x81;
        [sequence, decode, queued].forEach((value, i) => message.writeUInt32LE(value, 4 + i * 4));
        return message;
    };
    const honest = await open();
    const liar = await open();
    await liar.binary(HELLO);
    await until("two streamers", () => server.processes("sandbox-streamer").length === 2);
    // Old sequences again and again, with impossible times: permitted, and without effect on anyone.
    for (let i = 0; i < 900; i++) liar.send(acknowledgement(0, 0xffffffff, 0xffffffff));
    liar.send(Buffer.from([0x8a, 0, 0, 0]));
    await liar.binary(0x02);
    assert.equal(server.processes("sandbox-streamer").length, 2);
    const before = server.processes("sandbox-streamer").map(({ pid: streamer }) => streamer);
    liar.send(acknowledgement(0xffffffff, 0, 0)); // never sent
    await until("the end of its streamer", () => {
        const now = server.processes("sandbox-streamer").map(({ pid: streamer }) => streamer);
        return before.filter((streamer) => now.includes(streamer)).length === 1;
    });
    assert.equal(honest.closed, null);
    liar.destroy();
    honest.destroy();
});

test("all of this was one process", () => {
    assert.equal(server.process("sandbox-server").pid, pid, "sandbox-server was started again");
});
