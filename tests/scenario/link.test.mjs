// The thin, long way that other tests go: it carries everything in order, no faster and no sooner than it says, and holds no more.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { after, before, test } from "node:test";

import { Link } from "../harness/link.mjs";
import { until } from "../harness/until.mjs";

const QUEUE = 20000;
const PATTERN = Buffer.from(Array.from({ length: 100000 }, (_, i) => (i * 7 + (i >> 8)) & 255));

let server;
const accepted = [];

before(async () => {
    server = createServer((socket) => accepted.push(socket)).listen(0, "127.0.0.1");
    await once(server, "listening");
});
after(() => {
    for (const socket of accepted) socket.destroy();
    server.close();
});

async function open(settings) {
    const link = await Link.start([server.address().port], { queue: QUEUE, ...settings });
    return { link, pair: () => pair(link) };
}

async function pair(link) {
    const count = accepted.length;
    const client = connect(link.ports[0], "127.0.0.1").setNoDelay();
    await until("the other end", () => accepted.length > count);
    const other = accepted.at(-1).setNoDelay();
    for (const socket of [client, other]) socket.on("error", () => {}); // a link that stops resets what it carries
    return { client, other };
}

async function take(socket, length) {
    const chunks = [];
    let have = 0;
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
        chunks.push(chunk);
        if ((have += chunk.length) >= length) break;
    }
    return Buffer.concat(chunks);
}

test("what is sent arrives whole and in order, no faster than the rate, and its end after it", async () => {
    const { link, pair } = await open({ upKbps: 4000, downKbps: 4000, roundTripMs: 20 });
    const { client, other } = await pair();
    const start = performance.now();
    client.end(PATTERN);
    assert.deepEqual(await take(other, PATTERN.length), PATTERN);
    assert.ok(performance.now() - start > 195, "200 ms at 4 Mbit/s");
    await until("the end", () => other.readableEnded);
    const { up, upQueued } = await link.counters();
    assert.equal(up, PATTERN.length);
    assert.ok(upQueued > QUEUE / 2 && upQueued < QUEUE + 1448, `${upQueued} bytes queued`);
    await link.stop();
});

test("each way takes half of the round trip", async () => {
    const { link, pair } = await open({ upKbps: 100000, downKbps: 100000, roundTripMs: 200 });
    const { client, other } = await pair();
    const start = performance.now();
    client.write("a");
    await take(other, 1);
    assert.ok(performance.now() - start >= 99);
    other.write("b");
    await take(client, 1);
    assert.ok(performance.now() - start >= 199);
    await link.stop();
});

test("nothing passes in the dark, everything after it", async () => {
    const { link, pair } = await open({ upKbps: 8000, downKbps: 8000, roundTripMs: 2 });
    const { client, other } = await pair();
    await link.dark();
    client.write(PATTERN);
    const carried = async () => (await link.counters()).up;
    const before = await carried();
    await until("a full queue", async () => (await link.counters()).upQueued >= QUEUE - 1448);
    assert.equal(await carried(), before);
    await link.light();
    assert.deepEqual(await take(other, PATTERN.length), PATTERN);
    await link.stop();
});

for (const fair of [true, false]) {
    test(`a transfer ${fair ? "does not delay" : "delays"} another connection where the queue is ${fair ? "fair" : "one for all"}`, async () => {
        const { link, pair } = await open({ upKbps: 1000, downKbps: 1000, roundTripMs: 2, fair });
        const bulk = await pair();
        const { client, other } = await pair();
        bulk.other.resume();
        bulk.client.write(PATTERN);
        await until("a full queue", async () => (await link.counters()).upQueued >= QUEUE - 1448);
        const before = (await link.counters()).up;
        client.write("a");
        await take(other, 1);
        const ahead = (await link.counters()).up - before;
        assert.ok(fair ? ahead < QUEUE / 2 : ahead > QUEUE / 2, `${ahead} bytes went ahead`);
        await link.stop();
    });
}
