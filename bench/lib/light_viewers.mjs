// Viewers that cost little, so that many sessions can be watched on one machine: they type, take each picture without decoding it, and ask for
// the next one as the real clients do. A key's answer is the first picture that arrives after it, as long as nothing else draws.
import { once } from "node:events";

import { WebSocketClient } from "../../tests/harness/websocket.mjs";

const PICTURES = [2, 3, 4]; // docs/PROTOCOL.md: video frame, lossless rectangle, copy rectangle
const HELLO = 1;
const SETTLE_MS = 400;
const ANSWER_MS = 5000;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class LightViewer {
    times = [];

    constructor(client) {
        this.client = client;
        client.on("message", ({ binary, data }) => binary && this.take(data));
    }

    arrived() {
        this.lastPicture = performance.now();
        if (this.pressed === undefined) return;
        this.times.push(this.lastPicture - this.pressed);
        this.pressed = undefined;
    }

    // Until no picture has come for a while.
    async settle() {
        this.lastPicture = performance.now();
        while (performance.now() - this.lastPicture < SETTLE_MS) await wait(50);
    }

    // One key every 100 ms, an empty line after each 50; the milliseconds until each was answered. One that never was counts as 5 s.
    async type(seconds) {
        this.times = [];
        const start = performance.now() + Math.random() * 100;
        for (let i = 0; i < seconds * 10; i++) {
            await wait(start + i * 100 - performance.now());
            if (this.pressed !== undefined && performance.now() - this.pressed < ANSWER_MS) continue;
            if (this.pressed !== undefined) this.times.push(ANSWER_MS);
            this.pressed = performance.now();
            this.key(i % 50 === 49 ? "\n" : "abcdefghij"[i % 10]);
        }
        await wait(SETTLE_MS);
        if (this.pressed !== undefined) this.times.push(performance.now() - this.pressed);
        this.pressed = undefined;
        return this.times;
    }

    close() {
        this.client.destroy();
    }
}

// Linux input event codes.
const CODES = { "\n": 28, " ": 57, ".": 52, "/": 53, "-": 12, "0": 11 };
for (const [first, row] of [[2, "123456789"], [16, "qwertyuiop"], [30, "asdfghjkl"], [44, "zxcvbnm"]]) {
    [...row].forEach((character, i) => (CODES[character] = first + i));
}
CODES[";"] = 39;

// sandbox-server's.
export class OurLightViewer extends LightViewer {
    #input = 0;

    static async open(server, client, sandbox) {
        const { body } = await client.request("POST", `/api/sandboxes/${sandbox}/ticket`, { body: {} });
        const socket = await WebSocketClient.open(server.url, body.path, { headers: { Origin: server.url } });
        return new OurLightViewer(socket);
    }

    take(data) {
        if (data[0] === HELLO) this.#acknowledge(0);
        if (!PICTURES.includes(data[0])) return;
        this.#acknowledge(data.readUInt32LE(4));
        this.arrived();
    }

    #acknowledge(sequence) {
        const message = Buffer.alloc(16);
        message[0] = 0x81;
        message.writeUInt32LE(sequence, 4);
        this.client.send(message);
    }

    press(code, down) {
        const message = Buffer.alloc(12);
        message[0] = 0x82;
        message.writeUInt32LE(++this.#input, 4);
        message.writeUInt16LE(code, 8);
        message[10] = down ? 1 : 0;
        this.client.send(message);
    }

    key(character) {
        this.press(CODES[character], true);
        this.press(CODES[character], false);
    }

    openTerminal() {
        const keys = [29, 56, 20]; // Ctrl+Alt+T
        for (const code of keys) this.press(code, true);
        for (const code of keys) this.press(code, false);
    }
}

// A VNC server's behind websockify (RFC 6143), with the encodings that noVNC 1.3 asks for but for those that need answers of their own.
const TIGHT = 7;
const JPEG_QUALITY_6 = -26;
const COMPRESS_LEVEL_2 = -254;
const SCREEN = { width: 1920, height: 1080 };

export class VncLightViewer extends LightViewer {
    static async open(peer) {
        const client = await WebSocketClient.open(`http://127.0.0.1:${peer.port}`, "/websockify", { protocol: "binary" });
        const viewer = new VncLightViewer(client);
        viewer.send([...Buffer.from("RFB 003.008\n")]);
        await once(client, "message"); // the version
        await viewer.#greet();
        return viewer;
    }

    // Each step is answered by one message; the pieces that TCP makes of them do not matter here.
    async #greet() {
        this.send([1]); // no authentication
        await wait(SETTLE_MS);
        this.send([1]); // shared
        await wait(SETTLE_MS);
        const encodings = [TIGHT, JPEG_QUALITY_6, COMPRESS_LEVEL_2];
        this.send([2, 0, 0, encodings.length, ...encodings.flatMap((number) => [24, 16, 8, 0].map((shift) => (number >> shift) & 255))]);
        this.greeted = true;
        this.#ask(0);
    }

    send(bytes) {
        this.client.send(Buffer.from(bytes));
    }

    #ask(incremental) {
        const { width, height } = SCREEN;
        this.send([3, incremental, 0, 0, 0, 0, width >> 8, width & 255, height >> 8, height & 255]);
    }

    take() {
        if (!this.greeted) return;
        this.#ask(1);
        this.arrived();
    }

    key(character) {
        const symbol = character === "\n" ? [0, 0, 0xff, 0x0d] : [0, 0, 0, character.charCodeAt(0)];
        this.send([4, 1, 0, 0, ...symbol]);
        this.send([4, 0, 0, 0, ...symbol]);
    }
}
