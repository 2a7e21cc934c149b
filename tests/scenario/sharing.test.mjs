// Links for people without an account: what they open, what they permit, and how they end.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startServer } from "../harness/server.mjs";
import { sql } from "../harness/sql.mjs";
import { until } from "../harness/until.mjs";
import { requestUpgrade, WebSocketClient } from "../harness/websocket.mjs";

let server;
let admin;
let sandbox;
let pid;
const tokens = [];
before(async () => {
    server = await startServer();
    admin = await server.adminClient();
    sandbox = await admin.startSandbox();
    pid = server.process("sandbox-server").pid;
});
after(async () => {
    for (const token of tokens) assert.ok(!server.log.includes(token), "a link's token is in the log");
    await server.stop();
});

const HELLO = 0x01;
const NOBODY = "01975fe0-0000-7000-8000-000000000001";
const at = (path = "") => `/api/sandboxes/${sandbox.id}${path}`;

async function share(body) {
    const answer = await admin.request("POST", at("/shares"), { body });
    assert.equal(answer.status, 201, answer.text);
    const token = answer.body.path.split("#")[1];
    tokens.push(token);
    return { ...answer.body, token };
}

const exchange = (token) => server.client().request("POST", "/api/shares/ticket", { body: { token } });

async function open(token) {
    const { status, body, text } = await exchange(token);
    assert.equal(status, 201, text);
    const client = await WebSocketClient.open(server.url, body.path);
    client.access = (await client.notice("access")).access;
    await client.binary(HELLO);
    return client;
}

async function openOwn() {
    const { body } = await admin.request("POST", at("/ticket"), { body: {} });
    return WebSocketClient.open(server.url, body.path);
}

const viewers = async () => (await admin.request("GET", at("/viewers"))).body.items;
const change = (id, access) => admin.request("PATCH", at(`/shares/${id}`), { body: { access } });
const revoke = (id) => admin.request("DELETE", at(`/shares/${id}`));

function pointer(input) {
    const message = Buffer.alloc(12);
    message[0] = 0x84;
    message.writeUInt32LE(input, 4);
    return message;
}

const refresh = Buffer.from([0x8a, 0, 0, 0]);

test("a link shows its token once, and opens without an account", async () => {
    const made = await share({ access: "view", label: "Ann", expires_in: 600 });
    assert.match(made.token, /^[\w-]{43}$/);
    const listed = (await admin.request("GET", at("/shares"))).body.items;
    assert.deepEqual(listed.map(({ id, access, label }) => ({ id, access, label })), [{ id: made.id, access: "view", label: "Ann" }]);
    assert.ok(!JSON.stringify(listed).includes(made.token));
    const guest = await open(made.token);
    assert.equal(guest.access, "view");
    const [viewer] = await viewers();
    assert.deepEqual([viewer.kind, viewer.label, viewer.access, viewer.share], ["guest", "Ann", "view", made.id]);
    assert.equal((await revoke(made.id)).status, 204);
    assert.equal((await guest.ended()).code, 4006);
    assert.equal((await exchange(made.token)).status, 404);
    assert.equal((await revoke(made.id)).status, 404);
});

test("who may only watch can't act, and one who may, can", async () => {
    const [view, control] = [await share({ access: "view" }), await share({ access: "control" })];
    for (const kind of [0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89]) {
        const guest = await open(view.token);
        const message = Buffer.alloc(kind === 0x85 || kind === 0x86 ? 16 : kind === 0x87 || kind === 0x89 ? 8 : 12);
        message[0] = kind;
        guest.send(message);
        assert.equal((await guest.ended()).code, 4001, `kind ${kind}`);
    }
    const guest = await open(control.token);
    assert.equal(guest.access, "control");
    guest.send(pointer(1));
    guest.send(refresh);
    await guest.binary(0x02);
    guest.destroy();
    await Promise.all([revoke(view.id), revoke(control.id)]);
});

test("control is taken and given while the guest is there; input that was on its way is dropped", async () => {
    const link = await share({ access: "control", label: "Bob" });
    const owner = await openOwn();
    const guest = await open(link.token);
    for (const access of ["view", "control", "view"]) {
        assert.equal((await change(link.id, access)).body.access, access);
        for (let i = 1; i < 20; i++) guest.send(pointer(i));
        assert.equal((await guest.notice("access")).access, access);
        await guest.binary(HELLO); // a streamer that knows the new rights
        const seen = await owner.next((m) => !m.binary && JSON.parse(m.data).items?.some((v) => v.label === "Bob" && v.access === access));
        assert.ok(seen);
    }
    guest.send(pointer(30));
    guest.send(refresh);
    await guest.binary(0x02);
    assert.equal(guest.closed, null);
    // Coming back does not bring it back.
    guest.destroy();
    const again = await open(link.token);
    assert.equal(again.access, "view");
    again.destroy();
    owner.destroy();
    await revoke(link.id);
});

test("the owner sees who comes and goes, guests see how many; the owner ends one", async () => {
    await until("nobody", async () => (await viewers()).length === 0);
    const owner = await openOwn();
    const link = await share({ access: "view", label: "Cleo" });
    const guest = await open(link.token);
    const told = JSON.parse((await owner.next((m) => !m.binary && JSON.parse(m.data).count === 2)).data);
    assert.deepEqual(told.items.map(({ kind, label, you }) => [kind, label, you]), [["owner", "", true], ["guest", "Cleo", false]]);
    const notice = await guest.notice("viewers").catch(() => null);
    assert.ok(notice === null || notice.items === undefined);
    assert.equal((await admin.request("DELETE", at(`/viewers/${NOBODY}`))).status, 404);
    assert.equal((await admin.request("DELETE", at(`/viewers/${told.items[1].id}`))).status, 204);
    assert.equal((await guest.ended()).code, 4007);
    await owner.next((m) => !m.binary && JSON.parse(m.data).count === 1);
    owner.destroy();
    await revoke(link.id);
});

test("expiry closes at its time", async () => {
    const link = await share({ access: "view" });
    sql(server, `UPDATE shares SET expires_at = now() + interval '1 second' WHERE id = '${link.id}'`);
    const guest = await open(link.token);
    assert.equal((await guest.ended()).code, 4006);
    assert.equal((await exchange(link.token)).status, 404);
});

test("a ticket dies with its link", async () => {
    const link = await share({ access: "view" });
    const { body } = await exchange(link.token);
    await revoke(link.id);
    const { status, socket } = await requestUpgrade(server.url, body.path);
    socket.destroy();
    assert.equal(status, 401);
});

test("what another node revokes is closed here", async () => {
    const link = await share({ access: "control" });
    const guest = await open(link.token);
    sql(server, `UPDATE shares SET access = 'view' WHERE id = '${link.id}'; SELECT pg_notify('sandbox_server', 'share ${link.id}')`);
    assert.equal((await guest.notice("access")).access, "view");
    sql(server, `DELETE FROM shares WHERE id = '${link.id}'; SELECT pg_notify('sandbox_server', 'share ${link.id}')`);
    assert.equal((await guest.ended()).code, 4006);
});

test("nobody manages the links of another's sandbox, or of none", async () => {
    for (const [method, path, body] of [["GET", "/shares"], ["POST", "/shares", { access: "view" }], ["GET", "/viewers"], ["DELETE", `/viewers/${NOBODY}`]])
        assert.equal((await admin.request(method, `/api/sandboxes/${NOBODY}${path}`, { body })).status, 404);
    const link = await share({ access: "view" });
    for (const [method, body] of [["PATCH", { access: "control" }], ["DELETE"]]) {
        assert.equal((await admin.request(method, `/api/sandboxes/${NOBODY}/shares/${link.id}`, { body })).status, 404);
        assert.equal((await admin.request(method, at(`/shares/${link.id}`), { body, token: null })).status, 401);
    }
    await revoke(link.id);
});

test("what is not possible is refused", async () => {
    const refused = async (body) => (await admin.request("POST", at("/shares"), { body })).status;
    assert.equal(await refused({}), 400);
    assert.equal(await refused({ access: "own" }), 400);
    assert.equal(await refused({ access: "view", label: "x".repeat(65) }), 400);
    assert.equal(await refused({ access: "view", label: "a\nb" }), 422);
    for (const expires_in of [59, 604801, "600", 60.5, -1, null]) assert.equal(await refused({ access: "view", expires_in }), 422, `${expires_in}`);
    const made = [];
    for (let i = 0; i < 16; i++) made.push(await share({ access: "view" }));
    assert.equal(await refused({ access: "view" }), 409);
    await Promise.all(made.map(({ id }) => revoke(id)));
});

test("eight viewers are all; a guest is told so", async () => {
    await until("nobody", async () => (await admin.sandbox(sandbox.id)).viewers === 0);
    const link = await share({ access: "view" });
    const clients = [];
    for (let i = 0; i < 8; i++) clients.push(await open(link.token));
    const ninth = await WebSocketClient.open(server.url, (await exchange(link.token)).body.path);
    assert.equal((await ninth.ended()).code, 4005);
    await revoke(link.id);
    for (const client of clients) assert.equal((await client.ended()).code, 4006);
    await until("nobody", async () => (await admin.sandbox(sandbox.id)).viewers === 0);
});

test("links of a stopped sandbox open nothing", async () => {
    const other = await admin.startSandbox();
    const answer = await admin.request("POST", `/api/sandboxes/${other.id}/shares`, { body: { access: "view" } });
    await admin.request("DELETE", `/api/sandboxes/${other.id}`);
    assert.equal((await exchange(answer.body.path.split("#")[1])).status, 404);
    assert.equal((await admin.request("POST", `/api/sandboxes/${other.id}/shares`, { body: { access: "view" } })).status, 409);
});

// Last: it uses up what this address may try.
test("wrong tokens are answered alike, and only so many", async () => {
    const answers = [];
    for (const token of ["x", "A".repeat(43), `${"A".repeat(42)}!`, "ä"]) answers.push(await exchange(token));
    const [first] = answers;
    for (const { status, body } of answers) assert.deepEqual([status, body.detail, body.type], [404, first.body.detail, first.body.type]);
    let limited = null;
    for (let i = 0; i < 30 && !limited; i++) {
        const answer = await exchange("A".repeat(43));
        if (answer.status === 429) limited = answer;
    }
    assert.ok(Number(limited?.headers.get("retry-after")) >= 1);
});

test("all of this was one process", () => {
    assert.equal(server.process("sandbox-server").pid, pid, "sandbox-server was started again");
});
