// HTTP as bytes on a socket: what fetch would never send.
import { connect } from "node:net";

// Sends the pieces, reads until the peer closes, is quiet for `quietMs` or `timeoutMs` are over. {statuses, text, closed}
export function exchangeRaw(url, pieces, { quietMs = 400, timeoutMs = 20000 } = {}) {
    const { hostname, port } = new URL(url);
    return new Promise((resolve) => {
        const socket = connect(Number(port), hostname);
        const chunks = [];
        let quiet;
        const finish = (closed) => {
            clearTimeout(quiet);
            clearTimeout(limit);
            socket.destroy();
            const text = Buffer.concat(chunks).toString("latin1");
            resolve({ statuses: [...text.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map((match) => Number(match[1])), text, closed });
        };
        const limit = setTimeout(() => finish(false), timeoutMs);
        socket.setNoDelay(true);
        socket.on("error", () => {}).on("close", () => finish(true)).on("end", () => finish(true));
        socket.on("data", (chunk) => {
            chunks.push(chunk);
            clearTimeout(quiet);
            quiet = setTimeout(() => finish(false), quietMs);
        });
        socket.on("connect", () => {
            for (const piece of [pieces].flat()) socket.write(piece);
        });
    });
}

export const request = (line, headers = {}, body = "") =>
    `${line} HTTP/1.1\r\nHost: localhost\r\n${Object.entries(headers)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join("")}\r\n${body}`;
