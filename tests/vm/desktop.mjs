// A browser's part, for a machine that no browser reaches: signs in, starts a desktop, waits for a picture of it, gives it limits, says so to
// what runs in it and tells its end.
//
// usage: desktop.mjs URL USERNAME PASSWORD [LIMITS FILE]     FILE: made when the limits are in force; prints the sandbox, in the end as it ended
import { writeFileSync } from "node:fs";

import { ApiClient } from "../harness/api.mjs";
import { until } from "../harness/until.mjs";
import { WebSocketClient } from "../harness/websocket.mjs";

const KIND_HELLO = 0x01;
const PICTURE_MIN = 1000; // bytes: nothing else is as long
const SLOW_MS = 600000; // the machine is emulated, and may share its host

const [url, username, password, limits, file] = process.argv.slice(2);
const client = new ApiClient(url);

async function must(status, answer) {
    const { status: found, text, body } = await answer;
    if (found !== status) throw new Error(`${found} ${text}`);
    return body;
}

await must(200, client.login(username, password));
let sandbox = await must(201, client.request("POST", "/api/sandboxes", { body: { template: "desktop" } }));
const { path } = await must(201, client.request("POST", `/api/sandboxes/${sandbox.id}/ticket`, { body: {} }));
const socket = await WebSocketClient.open(url, path, { headers: { Origin: url }, timeout: SLOW_MS });
await socket.binary(KIND_HELLO, SLOW_MS);
const picture = await socket.next((message) => message.binary && message.data[0] !== KIND_HELLO && message.data.length > PICTURE_MIN, SLOW_MS);
socket.destroy();
if (limits) {
    await must(200, client.request("PATCH", `/api/sandboxes/${sandbox.id}`, { body: { limits: JSON.parse(limits) } }));
    writeFileSync(file, "");
    await until("the end of the sandbox", async () => (sandbox = await client.sandbox(sandbox.id)).state === "ended", SLOW_MS);
}
process.stdout.write(JSON.stringify({ ...sandbox, picture: picture.data.length }));
process.exit(0);
