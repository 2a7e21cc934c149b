// The file of docs/RECORDING.md, read and made.

export const HEADER = 80;
export const RECORD = 16;
export const KEY = 40;

// The whole records of a file.
export function records(file) {
    const found = [];
    for (let at = HEADER; at + RECORD <= file.length;) {
        const length = file.readUInt32LE(at);
        const message = file.subarray(at + RECORD, at + RECORD + length);
        if (message.length < length) break;
        found.push({ at, flags: file.readUInt32LE(at + 4), time: Number(file.readBigUInt64LE(at + 8)), message });
        at += RECORD + length;
    }
    return found;
}

const bytesOf = (id) => Buffer.from(id.replaceAll("-", ""), "hex");

// A file of these messages ({time, message}), as a sandbox could have shown them.
export function recordingFile({ recording, account, messages }) {
    const header = Buffer.alloc(HEADER);
    header.write("SBXREC\r\n", "latin1");
    header.writeUInt32LE(1, 8);
    header.writeUInt32LE(HEADER, 12);
    bytesOf(recording).copy(header, 16);
    bytesOf(recording).copy(header, 32);
    bytesOf(account).copy(header, 48);
    header.writeBigUInt64LE(BigInt(Date.now()) * 1000n, 64);
    return Buffer.concat([
        header,
        ...messages.flatMap(({ time, message }) => {
            const record = Buffer.alloc(RECORD);
            record.writeUInt32LE(message.length, 0);
            record.writeBigUInt64LE(BigInt(time), 8);
            return [record, message];
        }),
    ]);
}

// All of what a path of the HTTP interface gives by ranges.
export async function download(url, token, path) {
    const parts = [];
    for (let at = 0, size = Infinity; at < size;) {
        const headers = { authorization: `Bearer ${token}`, connection: "close", range: `bytes=${at}-` };
        const response = await fetch(url + path, { headers });
        const bytes = Buffer.from(await response.arrayBuffer());
        if (response.status !== 206) throw new Error(`${path}: ${response.status} ${bytes}`);
        size = Number(response.headers.get("content-range").split("/")[1]);
        if (response.headers.get("content-range") !== `bytes ${at}-${at + bytes.length - 1}/${size}`) throw new Error("wrong Content-Range");
        parts.push(bytes);
        at += bytes.length;
    }
    return Buffer.concat(parts);
}
