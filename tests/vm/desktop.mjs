// A browser's part, for a machine that no browser reaches: signs in, starts a desktop, waits for a picture of it.
//
// usage: desktop.mjs URL USERNAME PASSWORD LIMITS     LIMITS: as POST /api/sandboxes takes them; prints the sandbox
import { ApiClient } from "../harness/api.mjs";
import { WebSocketClient } from "../harness/websocket.mjs";

const KIND_HELLO = 0x01;
const SLOW_MS = 60000; // the machine is emulated

const [url, username, password, limits] = process.argv.slice(2);
const client = new ApiClient(url);

async function must(status, answer) {
    const { status: found, text, body } = await answer;
    if (found !== status) throw new Error(`${found} ${text}`);
    return body;
}

await must(200, client.login(username, password));
const sandbox = await must(201, client.request("POST", "/api/sandboxes", { body: { template: "desktop", ...JSON.parse(limits) } }));
const { path } = await must(201, client.request("POST", `/api/sandboxes/${sandbox.id}/ticket`, { body: {} }));
const socket = await WebSocketClient.open(url, path, { headers: { Origin: url } });
await socket.binary(KIND_HELLO, SLOW_MS);
const picture = await socket.next((message) => message.binary && message.data[0] !== KIND_HELLO, SLOW_MS);
process.stdout.write(JSON.stringify({ ...sandbox, token: client.token, picture: picture.data.length }));
process.exit(0);
