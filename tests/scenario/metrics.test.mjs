// GET /metrics: Prometheus text on a port of its own, on the loopback address only, and nowhere else.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { freePort, startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

let server;
let metricsPort;

before(async () => {
    metricsPort = await freePort();
    server = await startServer({ env: { METRICS_PORT: String(metricsPort), HOST: "0.0.0.0" } });
});

after(async () => server?.stop());

const scrape = async () => {
    const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type"), /^text\/plain; version=0\.0\.4/);
    return response.text();
};

const value = (text, sample) => {
    const line = text.split("\n").find((candidate) => candidate.startsWith(`${sample} `));
    return line === undefined ? undefined : Number(line.slice(sample.length + 1));
};

test("every sample follows its HELP and TYPE, once", async () => {
    const seen = new Set();
    let family = null;
    for (const line of (await scrape()).trimEnd().split("\n")) {
        const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
        if (type) {
            assert.ok(!seen.has(type[1]), `${type[1]} stands twice`);
            seen.add(type[1]);
            family = type[1];
        } else if (!line.startsWith("# HELP ")) {
            const name = /^([a-z_]+)(?:\{[^}]*\})? -?[0-9.e+]+$/.exec(line)?.[1];
            assert.ok(name?.startsWith(family), `unexpected line: ${line}`);
        }
    }
    assert.ok(seen.size > 5);
});

test("what happens is counted", async () => {
    const before = await scrape();
    const client = await server.adminClient();
    await server.client().login("admin", "not the password");
    const sandbox = await client.startSandbox();
    const text = await scrape();
    const grew = text.split("\n").filter((line) => {
        const at = line.lastIndexOf(" ");
        return at > 0 && !line.startsWith("#") && Number(line.slice(at + 1)) > (value(before, line.slice(0, at)) ?? 0);
    });
    for (const part of [/sandbox/, /auth|sign_in|login/, /http_answers/])
        assert.ok(grew.some((line) => part.test(line)), `nothing that matches ${part} grew:\n${grew.join("\n")}`);
    await client.request("DELETE", `/api/sandboxes/${sandbox.id}`);
});

test("a parked desktop is counted, claimed and replaced", async () => {
    const READY = 'sandbox_server_sandbox_pool{template="desktop",state="ready"}';
    const PARKED = 'sandbox_server_sandbox_starts_by_kind_total{kind="parked"}';
    await until("a parked desktop", async () => value(await scrape(), READY) === 1);
    const before = value(await scrape(), PARKED);
    const client = await server.adminClient();
    const sandbox = await client.startSandbox();
    assert.equal(value(await scrape(), PARKED), before + 1);
    assert.equal(sandbox.start, "parked");
    const { pool } = (await client.request("GET", "/health")).body;
    assert.deepEqual([pool.desktop.wanted, pool.code.wanted], [1, 0]);
    await until("a parked desktop", async () => value(await scrape(), READY) === 1);
    await client.request("DELETE", `/api/sandboxes/${sandbox.id}`);
});

test("the public port does not serve it", async () => {
    const answer = await server.client().request("GET", "/metrics");
    assert.equal(answer.status, 404);
});

test("nothing else is served beside it", async () => {
    for (const path of ["/", "/api/users/me", "/health"])
        assert.equal((await fetch(`http://127.0.0.1:${metricsPort}${path}`)).status, 404, path);
});

const deploy = new URL("../../deploy/", import.meta.url).pathname;
const families = (text) => new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));

test("promtool has nothing to say about names, units and texts", async () => {
    const text = await scrape();
    const said = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
    assert.equal(said.status, 0, said.stdout + said.stderr);
    for (const name of ["sandbox_server_sandboxes", "sandbox_server_storage_free_bytes", "sandbox_server_build_info", "sandbox_server_database_connected"])
        assert.match(text, new RegExp(`^${name}`, "m"));
    assert.match(text, /^sandbox_server_database_connected 1$/m);
    assert.match(text, /^sandbox_server_program_resident_bytes\{program="sandboxd"\} [1-9]/m);
});

test("the alert rules are right, and each fires when it should", () => {
    const fired = /alertname: (\w+)\n +exp_alerts:/g;
    const names = (file, pattern) => [...new Set([...readFileSync(`${deploy}prometheus/${file}`, "utf8").matchAll(pattern)].map(([, name]) => name))].sort();
    assert.deepEqual(names("alerts_test.yml", fired), names("alerts.yml", /- alert: (\w+)/g));
    execFileSync("promtool", ["check", "rules", `${deploy}prometheus/alerts.yml`], { stdio: "pipe" });
    execFileSync("promtool", ["test", "rules", `${deploy}prometheus/alerts_test.yml`], { stdio: "pipe" });
});

// What is told: a sample of each, as it starts with.
const TOLD = [
    ...["starting", "running", "stopping"].map((state) => `sandbox_server_sandboxes{state="${state}"}`),
    ...["sandbox_server_sandbox_starts_total", 'sandbox_server_sandbox_start_seconds_bucket{le="+Inf"}', "sandbox_server_sandbox_start_seconds_sum"],
    ...["home", "namespaces", "mounts", "display"].map((stage) => `sandbox_server_sandbox_start_failures_total{stage="${stage}"}`),
    ...["video", "lossless", "copy"].map((kind) => `sandbox_server_stream_frames_total{kind="${kind}"}`),
    ...["encode", "input", "acknowledged"].map((what) => `sandbox_server_stream_${what}_seconds_bucket{le="0.064"}`),
    ...["sandbox_server_relayed_to_browsers_bytes_total", "sandbox_server_relayed_from_browsers_bytes_total"],
    ...["sign_ins", "sign_ins_failed", "refreshes", "refreshes_failed"].map((what) => `sandbox_server_${what}_total`),
    ...["connections", "sign_ins", "sandboxes_per_user", "viewers"].map((limit) => `sandbox_server_limits_hit_total{limit="${limit}"}`),
    'sandbox_server_sandbox_ends_total{reason="memory"}',
    ...["wanted", "ready", "building"].map((state) => `sandbox_server_sandbox_pool{template="desktop",state="${state}"}`),
    ...["sandbox-server", "sandboxd", "sandbox-egress", "sandbox-tick"].map((program) => `sandbox_server_program_resident_bytes{program="${program}"}`),
];

test("what an operator is promised to be told is there from the first scrape", async () => {
    const text = await scrape();
    assert.deepEqual(TOLD.filter((sample) => value(text, sample) === undefined), []);
});

test("the dashboard and the alerts ask for nothing that does not exist", async () => {
    const text = await scrape();
    const known = families(text);
    // Only where there is a certificate or a backup to watch.
    for (const name of ["sandbox_server_certificate_expiry_timestamp_seconds", "sandbox_server_backup_last_timestamp_seconds"]) known.add(name);
    const dashboard = JSON.parse(readFileSync(`${deploy}grafana/sandbox-server.json`, "utf8"));
    const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    assert.ok(expressions.length > 20);
    expressions.push(dashboard.templating.list[1].query.query);
    const alerts = readFileSync(`${deploy}prometheus/alerts.yml`, "utf8").split("\n").filter((line) => !/summary|description|#/.test(line));
    for (const expression of [...expressions, ...alerts]) {
        for (const [name] of expression.matchAll(/\bsandbox_server_\w+/g))
            assert.ok(known.has(name) || known.has(name.replace(/_bucket$/, "")), `${name} in: ${expression}`);
        // Nor for a value that a label never has; those of answers are the statuses that there were.
        for (const [, name, labels] of expression.matchAll(/\b(sandbox_server_\w+)\{([^}]*)\}/g)) {
            for (const [, label, values] of labels.matchAll(/(\w+)=~?"([a-z_|-]+)"/g))
                for (const one of values.split("|")) assert.match(text, new RegExp(`^${name}\\{.*${label}="${one}"`, "m"), expression);
        }
    }
});
