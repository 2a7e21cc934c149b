// A WebSocket client (RFC 6455) that can also say what a good one never says: any frame, whole or in pieces, as raw bytes.

import { createHash, randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { connect as connectTcp } from "node:net";

import { PATIENCE_MS } from "./until.mjs";

export const SUBPROTOCOL = "sandbox.desktop.v1";
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

// Resolves with {status, headers, body, socket, rest} for any answer to an upgrade request.
export function requestUpgrade(url, path, { headers = {}, protocol = SUBPROTOCOL, method = "GET", timeout = PATIENCE_MS } = {}) {
    const { hostname, port, host } = new URL(url);
    const key = randomBytes(16).toString("base64");
    const lines = {
        Host: host,
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
        ...(protocol ? { "Sec-WebSocket-Protocol": protocol } : {}),
        ...headers,
    };
    const text = Object.entries(lines)
        .filter(([, value]) => value !== null)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join("");
    return new Promise((resolve, reject) => {
        const socket = connectTcp(Number(port), hostname, () => socket.write(`${method} ${path} HTTP/1.1\r\n${text}\r\n`));
        socket.setNoDelay(true);
        let received = Buffer.alloc(0);
        const timer = setTimeout(() => finish(new Error("no answer to the upgrade")), timeout);
        const finish = (error, answer) => {
            clearTimeout(timer);
            socket.off("data", onData).off("close", onClose).off("error", finish);
            if (error) socket.destroy();
            error ? reject(error) : resolve(answer);
        };
        const parse = (complete) => {
            const end = received.indexOf("\r\n\r\n");
            if (end < 0) return complete && finish(new Error("closed without an answer"));
            const [first, ...fields] = received.subarray(0, end).toString("latin1").split("\r\n");
            const parsed = Object.fromEntries(fields.map((f) => [f.slice(0, f.indexOf(":")).toLowerCase(), f.slice(f.indexOf(":") + 1).trim()]));
            const status = Number(first.split(" ")[1]);
            const rest = received.subarray(end + 4);
            if (status !== 101 && rest.length < Number(parsed["content-length"] ?? 0) && !complete) return;
            if (status === 101) {
                const expected = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
                if (parsed["sec-websocket-accept"] !== expected) return finish(new Error("wrong Sec-WebSocket-Accept"));
            }
            finish(null, { status, headers: parsed, body: status === 101 ? "" : rest.toString(), socket, rest });
        };
        const onData = (data) => {
            received = Buffer.concat([received, data]);
            parse(false);
        };
        const onClose = () => parse(true);
        socket.on("data", onData).on("close", onClose).on("error", finish);
    });
}

// Events: "message" ({binary, data}), "close" ({code, reason}; code 1006 when the connection just ended).
export class WebSocketClient extends EventEmitter {
    constructor(socket, rest) {
        super();
        this.socket = socket;
        this.buffer = Buffer.alloc(0);
        this.parts = null;
        this.closed = null;
        this.messages = [];
        this.waiting = [];
        socket.on("data", (data) => this.#receive(data));
        socket.on("close", () => this.#end(1006, ""));
        socket.on("error", () => {});
        if (rest.length) this.#receive(rest);
    }

    static async open(url, path, options = {}) {
        const answer = await requestUpgrade(url, path, options);
        if (answer.status !== 101) {
            answer.socket.destroy();
            throw Object.assign(new Error(`upgrade refused: ${answer.status} ${answer.body}`), { answer });
        }
        return new WebSocketClient(answer.socket, answer.rest);
    }

    // One frame; fin, masked and the length that is claimed can be wrong on purpose.
    frame(opcode, data = Buffer.alloc(0), { fin = true, masked = true, rsv = 0 } = {}) {
        const payload = Buffer.from(data);
        const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
        const bit = masked ? 0x80 : 0;
        if (payload.length < 126) head.push(bit | payload.length);
        else if (payload.length < 65536) head.push(bit | 126, payload.length >> 8, payload.length & 255);
        else head.push(bit | 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (payload.length >>> shift) & 255));
        const mask = masked ? randomBytes(4) : Buffer.alloc(0);
        if (masked) for (let i = 0; i < payload.length; i++) payload[i] ^= mask[i & 3];
        return this.socket.write(Buffer.concat([Buffer.from(head), mask, payload]));
    }

    send(data) {
        return this.frame(OPCODE.binary, data);
    }

    close(code = 1000) {
        this.frame(OPCODE.close, Buffer.from([code >> 8, code & 255]));
    }

    // The next message that `wanted` accepts (earlier ones are dropped); rejects when the WebSocket ends first.
    next(wanted = () => true, timeout = PATIENCE_MS) {
        for (let i = 0; i < this.messages.length; i++) {
            if (wanted(this.messages[i])) return Promise.resolve(this.messages.splice(0, i + 1).pop());
        }
        this.messages.length = 0;
        if (this.closed) return Promise.reject(new Error(`closed: ${this.closed.code} ${this.closed.reason}`));
        return new Promise((resolve, reject) => {
            const waiter = { wanted, resolve, reject };
            waiter.timer = setTimeout(() => {
                this.waiting = this.waiting.filter((other) => other !== waiter);
                reject(new Error("no such message in time"));
            }, timeout);
            this.waiting.push(waiter);
        });
    }

    notice(type, timeout) {
        return this.next((m) => !m.binary && JSON.parse(m.data).type === type, timeout).then((m) => JSON.parse(m.data));
    }

    binary(kind, timeout) {
        return this.next((m) => m.binary && (kind === undefined || m.data[0] === kind), timeout).then((m) => m.data);
    }

    ended(timeout = PATIENCE_MS) {
        if (this.closed) return Promise.resolve(this.closed);
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error("not closed in time")), timeout);
            this.once("close", (closed) => {
                clearTimeout(timer);
                resolve(closed);
            });
        });
    }

    destroy() {
        this.socket.destroy();
    }

    #receive(data) {
        this.buffer = Buffer.concat([this.buffer, data]);
        while (this.#takeFrame());
    }

    #takeFrame() {
        const b = this.buffer;
        if (b.length < 2) return false;
        let length = b[1] & 127;
        let at = 2;
        if (length === 126) {
            if (b.length < 4) return false;
            length = b.readUInt16BE(2);
            at = 4;
        } else if (length === 127) {
            if (b.length < 10) return false;
            length = Number(b.readBigUInt64BE(2));
            at = 10;
        }
        if (b.length < at + length) return false;
        const payload = Buffer.from(b.subarray(at, at + length));
        this.buffer = b.subarray(at + length);
        this.#takePayload(b[0] & 15, Boolean(b[0] & 0x80), payload);
        return true;
    }

    #takePayload(opcode, fin, payload) {
        if (opcode === OPCODE.ping) this.frame(OPCODE.pong, payload);
        if (opcode === OPCODE.close) {
            const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
            this.frame(OPCODE.close, payload.subarray(0, 2));
            this.#end(code, payload.subarray(2).toString());
            this.socket.end();
        }
        if (opcode > 2) return;
        if (opcode !== OPCODE.continuation) this.parts = { binary: opcode === OPCODE.binary, chunks: [], fragments: 0 };
        if (!this.parts) throw new Error("a continuation of nothing");
        this.parts.chunks.push(payload);
        this.parts.fragments++;
        if (!fin) return;
        const { binary, chunks, fragments } = this.parts;
        this.parts = null;
        const data = Buffer.concat(chunks);
        const message = { binary, data: binary ? data : data.toString(), fragments };
        this.emit("message", message);
        const index = this.waiting.findIndex((waiter) => waiter.wanted(message));
        if (index < 0) {
            this.messages.push(message);
            return;
        }
        const [waiter] = this.waiting.splice(index, 1);
        clearTimeout(waiter.timer);
        waiter.resolve(message);
    }

    #end(code, reason) {
        if (this.closed) return;
        this.closed = { code, reason };
        for (const waiter of this.waiting.splice(0)) {
            clearTimeout(waiter.timer);
            waiter.reject(new Error(`closed: ${code} ${reason}`));
        }
        this.emit("close", this.closed);
    }
}
