// Keys, a film and a transfer over thin, long and dark ways (tests/scenario/link), 1920x1080; both sides in turns over links of their own.
import { createServer, connect } from "node:net";
import { once } from "node:events";

import { launchBrowser } from "../tests/harness/browser.mjs";
import { Link } from "../tests/harness/link.mjs";
import { playFilm, prepareFilm } from "./lib/film.mjs";
import { Ours } from "./lib/ours.mjs";
import { openTerminal, SIZE } from "./lib/pair.mjs";
import { option, report } from "./lib/report.mjs";
import { median, randomBetween, summary } from "./lib/statistics.mjs";
import { Tigervnc } from "./lib/tigervnc.mjs";

const rounds = option("rounds", 3);
const n = option("n", 20); // keys of a scene, side and round
const GAP_MS = [300, 450];
const ANSWER_MS = 10000;
const QUEUE = 65536;
const UPLOAD_BYTES = 20e6;
const DARK_MS = 5000;
const WIDE = { upKbps: 1e6, downKbps: 1e6, roundTripMs: 0 };
const THIN = { upKbps: 2000, downKbps: 2000, roundTripMs: 80 };

// A link of each side's own, with a second port that swallows what is uploaded.
async function openLink(port, sink, fair) {
    return Link.start([port, sink.address().port], { ...WIDE, queue: QUEUE, fair });
}

async function openSides(browser, sink, fair) {
    const ours = await Ours.start(browser, SIZE);
    ours.link = await openLink(ours.port, sink, fair);
    await ours.openDesktop();
    const address = new URL(ours.page.url()); // the same host: its cookie is good on every port
    address.port = String(ours.link.ports[0]);
    await ours.page.goto(address.href);
    await ours.page.waitForFunction(() => window.desktopStatistics?.framesPainted > 0);
    const peer = await Tigervnc.start(SIZE);
    peer.link = await openLink(peer.port, sink, fair);
    peer.port = peer.link.ports[0];
    await peer.openPage(browser, SIZE);
    for (const side of [ours, peer]) {
        await openTerminal(side);
        await prepareFilm(side);
    }
    return [ours, peer];
}

// ms from the key until it shows.
async function pressKey(page, key) {
    const before = await page.evaluate(() => window.probe.samples.length);
    await page.keyboard.press(key);
    await page.waitForFunction((count) => window.probe.samples.length > count, before, { timeout: ANSWER_MS, polling: 20 });
    return page.evaluate(() => window.probe.samples.at(-1).drawn);
}

async function typeKeys(side, count) {
    const times = [];
    for (let i = 0; i < count; i++) {
        times.push(await pressKey(side.page, "abcdefghij"[i % 10]));
        await side.page.waitForTimeout(randomBetween(...GAP_MS));
    }
    await pressKey(side.page, "Control+u").catch(() => {});
    return times;
}

// Sends as fast as the link takes it, until told to stop.
async function upload(side) {
    const socket = connect(side.link.ports[1], "127.0.0.1");
    await once(socket, "connect");
    socket.on("error", () => {});
    let left = UPLOAD_BYTES;
    const fill = () => {
        while (left > 0 && socket.write(Buffer.alloc(65536))) left -= 65536;
    };
    socket.on("drain", fill);
    fill();
    return () => socket.destroy();
}

async function scene(side, link, { film = false, transfer = false } = {}) {
    await side.page.bringToFront();
    await side.link.rate(link.upKbps, link.downKbps);
    await side.link.delay(link.roundTripMs);
    const stops = [];
    if (film) stops.push(playFilm(side));
    if (transfer) stops.push(await upload(side));
    await side.page.waitForTimeout(3000);
    const before = { ...(await side.link.counters()), ticks: await side.page.evaluate(() => window.probe.counters.ticks), at: performance.now() };
    const times = await typeKeys(side, n).catch(() => [ANSWER_MS]);
    const after = { ...(await side.link.counters()), ticks: await side.page.evaluate(() => window.probe.counters.ticks), at: performance.now() };
    for (const stop of stops) stop();
    await side.link.rate(WIDE.upKbps, WIDE.downKbps);
    await side.page.waitForTimeout(2000);
    const seconds = (after.at - before.at) / 1000;
    return { times, fps: (after.ticks - before.ticks) / seconds, kbps: ((after.down - before.down) * 8) / 1000 / seconds };
}

// A key typed just as the light comes back, and one a second later, while the film plays.
async function darkness(side) {
    await side.page.bringToFront();
    await side.link.rate(THIN.upKbps, THIN.downKbps);
    await side.link.delay(THIN.roundTripMs);
    const stop = playFilm(side);
    await side.page.waitForTimeout(3000);
    await side.link.dark();
    await side.page.waitForTimeout(DARK_MS);
    const light = performance.now();
    await side.link.light();
    const first = await pressKey(side.page, "a").catch(() => ANSWER_MS);
    await side.page.waitForTimeout(Math.max(0, 1000 - (performance.now() - light)));
    const second = await pressKey(side.page, "b").catch(() => ANSWER_MS);
    stop();
    await side.link.rate(WIDE.upKbps, WIDE.downKbps);
    await side.page.waitForTimeout(1000);
    await pressKey(side.page, "Control+u").catch(() => {});
    return { first, second };
}

const SCENES = [
    ["2 Mbit/s, 80 ms", THIN, {}],
    ["2 Mbit/s, 120 ms", { ...THIN, roundTripMs: 120 }, {}],
    ["2 Mbit/s, 80 ms, film", THIN, { film: true }],
    ["2 Mbit/s, 80 ms, film, upload", THIN, { film: true, transfer: true }],
    ["20 Mbit/s, 120 ms, film", { upKbps: 20000, downKbps: 20000, roundTripMs: 120 }, { film: true }],
];

const sink = createServer((socket) => socket.on("error", () => {}).resume()).listen(0, "127.0.0.1");
await once(sink, "listening");
const browser = await launchBrowser();
const sides = await openSides(browser, sink, !process.argv.includes("--fifo"));
const results = new Map();
const dark = sides.map(() => []);
try {
    for (let round = 0; round < rounds; round++) {
        for (const [name, link, what] of SCENES) {
            for (const side of sides) {
                const key = `${name}|${side.name}`;
                const measured = await scene(side, link, what);
                const all = results.get(key) ?? { times: [], fps: [], kbps: [] };
                results.set(key, { times: [...all.times, ...measured.times], fps: [...all.fps, measured.fps], kbps: [...all.kbps, measured.kbps] });
            }
        }
        for (const [i, side] of sides.entries()) dark[i].push(await darkness(side));
    }
} finally {
    for (const side of sides) {
        await side.stop();
        await side.link.stop();
    }
    await browser.close();
    sink.close();
}

const rows = [];
const ratios = [];
for (const [name] of SCENES) {
    const both = sides.map((side) => results.get(`${name}|${side.name}`));
    for (const [i, side] of sides.entries()) {
        const { times, fps, kbps } = both[i];
        rows.push({ way: name, side: side.name, ...summary(times), "frames/s": median(fps), "kbit/s": median(kbps) });
    }
    const [ours, peer] = both.map(({ times }) => summary(times));
    ratios.push(`${name}: ours / peer p50 ${(ours.p50 / peer.p50).toFixed(2)}, p95 ${(ours.p95 / peer.p95).toFixed(2)}`);
}
for (const [i, side] of sides.entries()) {
    rows.push({ way: `${DARK_MS / 1000} s of darkness, film: key as it ends`, side: side.name, ...summary(dark[i].map(({ first }) => first)) });
    rows.push({ way: `${DARK_MS / 1000} s of darkness, film: key 1 s later`, side: side.name, ...summary(dark[i].map(({ second }) => second)) });
}
report("bad_links", rows, [...ratios, "ms from keydown until its character is drawn", `${rounds} rounds per side`]);
