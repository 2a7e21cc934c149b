// sandboxctl top beside a running instance: once as text, and live in a terminal.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { freePort, startServer } from "../harness/server.mjs";
import { Terminal } from "../harness/terminal.mjs";
import { until } from "../harness/until.mjs";
import { WebSocketClient } from "../harness/websocket.mjs";

const CTL = fileURLToPath(new URL("../../scripts/ctl", import.meta.url));
const HELLO = 0x01;

let server, metricsPort, environment, admin;
const sandboxes = [];

before(async () => {
    metricsPort = await freePort();
    server = await startServer({ env: { METRICS_PORT: String(metricsPort) } });
    environment = { PATH: process.env.PATH, HOME: server.stateDir, STATE_DIR: server.stateDir, METRICS_PORT: String(metricsPort) };
    admin = await server.adminClient();
    for (let i = 0; i < 3; i++) sandboxes.push(await admin.startSandbox());
});
after(() => server?.stop());

const top = (env = {}, ...args) => spawnSync(CTL, ["top", ...args], { env: { ...environment, ...env }, encoding: "utf8" });
const told = async () => (await fetch(`http://127.0.0.1:${metricsPort}/sandboxes`)).json();

test("without a terminal it tells once what each sandbox takes", () => {
    for (const args of [[], ["--once"]]) {
        const { status, stdout, stderr } = top({}, ...args);
        assert.equal(status, 0, stderr);
        assert.doesNotMatch(stdout, /\x1b|\r| \n/);
        assert.match(stdout, /^node local \S+, ready .* sandboxes 3 of \d+   viewers 0$/m);
        assert.match(stdout, /^total +CPU [\d.]+%   memory [1-9]\d*M   tasks [1-9]\d* /m);
        assert.match(stdout, /^programs   [1-9]\d*M   sandbox-server [1-9]\d*M   sandboxd [1-9]/m);
        for (const { id } of sandboxes) assert.match(stdout, new RegExp(`^admin +[\\d.]+ +[1-9]\\d*M +[1-9]\\d* .* running +${id}$`, "m"));
    }
});

test("a control group's numbers are those of its sandbox", async () => {
    const { sandboxes: rows } = await told();
    for (const { load, limits } of rows) {
        assert.ok(load.cpu_us > 10000 && load.memory_bytes > 2 ** 20 && load.memory_bytes < limits.memory_mb * 2 ** 20, JSON.stringify(load));
        assert.ok(load.tasks >= 3 && load.tasks < limits.tasks, JSON.stringify(load));
    }
});

test("a viewer is counted, and what it is sent", async () => {
    const { body } = await admin.request("POST", `/api/sandboxes/${sandboxes[0].id}/ticket`, { body: {} });
    const socket = await WebSocketClient.open(server.url, body.path, { headers: { Origin: server.url } });
    await socket.binary(HELLO);
    const row = await until("its traffic", async () => {
        const { sandboxes: rows } = await told();
        const { traffic } = rows.find(({ id }) => id === sandboxes[0].id);
        return traffic.viewers === 1 && traffic.to_browsers_bytes > 0 && traffic;
    });
    assert.equal(row.from_browsers_bytes, 0);
    assert.match(top().stdout, /viewers 1$/m);
    socket.destroy();
    await until("its end", async () => (await told()).sandboxes.every(({ traffic }) => traffic.viewers === 0));
});

test("a terminal shows it live: keys sort and add up, any size will do, and q gives the terminal back", async () => {
    const terminal = new Terminal({ columns: 130, lines: 14, env: environment });
    try {
        terminal.type("PS1='prompt: '; clear; echo before");
        await terminal.shows("the shell", /^before\nprompt:/);
        terminal.type(`${CTL} top`);
        const first = await terminal.shows("all sandboxes", (lines) => lines.filter((line) => / running /.test(line)).length === 3 && /by CPU/.test(lines.at(-1)));
        assert.match(first[0], /^node local /);
        await terminal.shows("another second", (lines) => /^node local/.test(lines[0]) && lines[0] !== first[0]);
        await terminal.shows("rates", /^admin +\d+\.\d /m);

        terminal.press("m");
        await terminal.shows("the order by memory", (lines) => /^by memory /.test(lines.at(-1)));
        terminal.press("r");
        await terminal.shows("it reversed", (lines) => /^by memory, reversed /.test(lines.at(-1)));
        terminal.press("r", "a");
        const byAge = await terminal.shows("the oldest first", (lines) => /^by age /.test(lines.at(-1)));
        const ids = byAge.filter((line) => / running /.test(line)).map((line) => line.slice(-36));
        assert.deepEqual(ids, sandboxes.map(({ id }) => id));
        terminal.press("u");
        await terminal.shows("one row of one owner", (lines) => lines.filter((line) => /^admin /.test(line)).length === 1 && /^admin .* 3$/m.test(lines.join("\n")));
        terminal.press("u");

        terminal.resize(60, 7); // one row below the head and above the keys
        const small = await terminal.shows("one of three", (lines) => lines.length === 7 && /^from 1 of 3 /.test(lines[6]) && /^admin /.test(lines[5]));
        assert.ok(small.every((line) => line.length < 60), small.join("\n"));
        terminal.press("Down", "Down", "Down", "Down");
        await terminal.shows("the last one", (lines) => /^from 3 of 3 /.test(lines[6]));
        terminal.press("Up", "F5", "PPage"); // F5 is no key of ours, and nothing of its sequence is either
        await terminal.shows("the first one", (lines) => /^from 1 of 3   by age /.test(lines[6]));
        terminal.resize(20, 2);
        await terminal.shows("two lines", (lines) => lines.length === 2 && /^node local/.test(lines[0]) && /^total/.test(lines[1]));
        terminal.resize(130, 14);
        await terminal.shows("all again", (lines) => lines.filter((line) => / running /.test(line)).length === 3);

        terminal.press("C-z");
        await terminal.shows("the shell while it stands", /^before\nprompt: .*top\n[^]*Stopped/);
        terminal.type("fg");
        await terminal.shows("it again", (lines) => /^node local/.test(lines[0]));
        terminal.press("q");
        await terminal.shows("the shell again", /^before\nprompt: .*top\n[^]*prompt:\n*$/);
        terminal.type("stty -a | tr -s ' ;' '\\n' | grep -x -e icanon -e echo | xargs echo given back:");
        await terminal.shows("line editing and echo", /^given back: icanon echo$/m);
    } finally {
        terminal.close();
    }
});

test("a dumb terminal gets text", async () => {
    const terminal = new Terminal({ columns: 150, lines: 24, env: environment });
    try {
        terminal.type(`clear; TERM=dumb ${CTL} top && echo done`);
        await terminal.shows("its end", /^node local[^]* running [^]*^done$/m);
    } finally {
        terminal.close();
    }
});

test("who does not answer is named, and garbage is refused", async () => {
    assert.match(top({ METRICS_PORT: "0" }).stderr, /METRICS_PORT is not set/);
    const port = String(await freePort());
    const refused = top({ METRICS_PORT: port });
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, new RegExp(`no answer at METRICS_PORT ${port}: Connection refused`));
});

test("who has taken the port can't control the operator's terminal", async () => {
    const hostile = { node: "\x1b[2J\x1b]0;owned\x07", version: "\r\n", at_us: 1, load_at_us: 1, pool: {}, programs: [{ name: "\x1b[31m" }], sandboxes: [] };
    let answer = JSON.stringify(hostile);
    const other = createServer((request, response) => response.end(answer)).listen(0, "127.0.0.1");
    await once(other, "listening");
    const env = { METRICS_PORT: String(other.address().port) };
    // Not spawnSync: the answer comes from here.
    const ask = async () => {
        const child = spawn(CTL, ["top"], { env: { ...environment, ...env } });
        let text = "";
        for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (chunk) => (text += chunk));
        const [status] = await once(child, "close");
        return { status, text };
    };
    const { status, text } = await ask();
    assert.equal(status, 0, text);
    assert.doesNotMatch(text, /[^\x20-\x7e\n]/);
    for (answer of ["", "[]", "{", JSON.stringify({ ...hostile, sandboxes: Array(2000).fill({}) }), "x".repeat(5 << 20)]) assert.equal((await ask()).status, 1);
    other.close();
});
