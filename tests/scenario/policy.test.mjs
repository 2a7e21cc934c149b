// What a template permits holds for its desktops alone, whatever a client sends, and is told to whoever asks or watches.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startServer } from "../harness/server.mjs";
import { sql } from "../harness/sql.mjs";
import { until } from "../harness/until.mjs";
import { WebSocketClient } from "../harness/websocket.mjs";

const HELLO = 0x01;
const CLIPBOARD = 0x06;
const DISPLAY = 0x08;

const KIOSK = {
    clipboard_to_sandbox_kb: 1,
    clipboard_to_browser_kb: 0,
    display_max: { width: 640, height: 480 },
    sound: false,
    microphone: false,
    sharing: "view",
    recording: "required",
};

let server;
let admin;
before(async () => {
    server = await startServer({
        env: {
            DISPLAY_WIDTH: "800",
            DISPLAY_HEIGHT: "600",
            TEMPLATE_KIOSK:
                "CLIPBOARD_TO_SANDBOX_KB=1 CLIPBOARD_TO_BROWSER_KB=0 DISPLAY_MAX_WIDTH=640 DISPLAY_MAX_HEIGHT=480 SOUND=false SHARING=view RECORDING=required",
            TEMPLATE_QUIET_ROOM: "SHARING=off MICROPHONE=true",
        },
    });
    admin = await server.adminClient();
});
after(() => server.stop());

const start = async (template) => {
    const { status, body, text } = await admin.request("POST", "/api/sandboxes", { body: { template } });
    assert.equal(status, 201, text);
    return body;
};
const share = (id, access) => admin.request("POST", `/api/sandboxes/${id}/shares`, { body: { access } });

async function open(id) {
    const { body } = await admin.request("POST", `/api/sandboxes/${id}/ticket`, { body: {} });
    return WebSocketClient.open(server.url, body.path);
}

const isNotice = (type) => ({ binary, data }) => !binary && JSON.parse(data).type === type;

// The first message for each of the wishes: the server's and the streamer's words are in no order.
async function inAnyOrder(viewer, ...wishes) {
    const found = wishes.map(() => null);
    await viewer.next((message) => {
        wishes.forEach((wish, i) => (found[i] ??= wish(message) ? message : null));
        return found.every(Boolean);
    });
    return found;
}

function resize(width, height) {
    const message = Buffer.alloc(12);
    message[0] = 0x88;
    [width, height, 100].forEach((value, i) => message.writeUInt16LE(value, 4 + 2 * i));
    return message;
}

const clipboard = (step, type, value, data = "") => {
    const head = Buffer.alloc(20);
    head[0] = 0x89;
    head[4] = step;
    head[5] = type;
    head.writeUInt32LE(1, 8);
    head.writeUInt32LE(value, 12);
    return Buffer.concat([head, Buffer.from(data)]);
};

let kiosk;

test("templates say what they permit", async () => {
    const { body } = await admin.request("GET", "/api/templates");
    assert.deepEqual(body.items.map(({ id, name }) => [id, name]), [["desktop", "Desktop"], ["kiosk", "Kiosk"], ["quiet-room", "Quiet room"]]);
    assert.deepEqual(body.items[1].policy, KIOSK);
    assert.deepEqual(body.items[1].display, { width: 640, height: 480 });
    assert.equal(body.items[0].policy.sharing, "control");
    assert.deepEqual(body.items[0].policy.display_max, { width: 3840, height: 2160 });
    const { status } = await admin.request("POST", "/api/sandboxes", { body: { template: "code" } });
    assert.equal(status, 400);
});

test("clipboard, display and recording of a viewer are the template's", async () => {
    kiosk = await start("kiosk");
    assert.deepEqual(kiosk.policy, KIOSK);
    const viewer = await open(kiosk.id);
    const [notice, , , { data: policy }] = await inAnyOrder(
        viewer,
        isNotice("policy"),
        (message) => isNotice("recording")(message) && JSON.parse(message.data).on,
        ({ binary, data }) => binary && data[0] === HELLO,
        ({ binary, data }) => binary && data[0] === CLIPBOARD,
    );
    assert.deepEqual(JSON.parse(notice.data).policy, KIOSK);
    assert.deepEqual([policy[4], policy.readUInt32LE(12), policy.readUInt32LE(16)], [1, 1024, 0]);
    viewer.send(resize(800, 600));
    await viewer.next(({ binary, data }) => binary && data[0] === DISPLAY && data.readUInt16LE(4) === 640 && data.readUInt16LE(6) === 480);
    // More than is permitted is refused, and the stream goes on.
    viewer.send(clipboard(2, 1, 1025));
    const refused = await viewer.next(({ binary, data }) => binary && data[0] === CLIPBOARD && data[4] === 5);
    assert.equal(refused.data.readUInt32LE(8), 1);
    viewer.send(resize(400, 300));
    await viewer.next(({ binary, data }) => binary && data[0] === DISPLAY && data.readUInt16LE(4) === 400);
    viewer.destroy();
});

test("recording can't be ended where it is required, nor begun where it is off", async () => {
    assert.equal((await admin.request("DELETE", `/api/sandboxes/${kiosk.id}/recording`)).status, 403);
    const quiet = await start("quiet-room");
    assert.equal((await admin.request("POST", `/api/sandboxes/${quiet.id}/recording`)).status, 403);
    assert.equal((await share(quiet.id, "view")).status, 403);
    assert.equal((await share(quiet.id, "control")).status, 403);
    await admin.request("DELETE", `/api/sandboxes/${quiet.id}`);
});

test("a link to watch never becomes one to control", async () => {
    assert.equal((await share(kiosk.id, "control")).status, 403);
    const made = await share(kiosk.id, "view");
    assert.equal(made.status, 201, made.text);
    const path = `/api/sandboxes/${kiosk.id}/shares/${made.body.id}`;
    assert.equal((await admin.request("PATCH", path, { body: { access: "control" } })).status, 403);
    assert.equal((await admin.request("PATCH", path, { body: { access: "view" } })).status, 200);
});

test("it outlives a restart of sandbox-server, and one that can't be read shares nothing", async () => {
    server.kill("sandbox-server");
    const again = async () => {
        try {
            return (await fetch(`${server.url}/ready`)).status === 200;
        } catch {
            return false;
        }
    };
    await until("the server is back", again);
    assert.deepEqual((await admin.request("GET", `/api/sandboxes/${kiosk.id}`)).body.policy, KIOSK);
    assert.equal((await share(kiosk.id, "control")).status, 403);
    const viewer = await open(kiosk.id);
    assert.deepEqual((await viewer.notice("policy")).policy, KIOSK);
    viewer.destroy();
    sql(server, `UPDATE sandboxes SET policy = '{"sharing": "control"}' WHERE id = '${kiosk.id}'`);
    assert.equal((await share(kiosk.id, "view")).status, 403);
    await admin.request("DELETE", `/api/sandboxes/${kiosk.id}`);
});
