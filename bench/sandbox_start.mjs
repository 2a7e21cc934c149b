// The start of a sandbox without a browser: POST /api/sandboxes, and sandboxd's own time from CREATE to READY (its log). The reference is the
// same X server and window manager started plainly on the host, which is as fast as a desktop can be.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startServer } from "../tests/harness/server.mjs";
import { stopServer } from "./lib/ours.mjs";
import { option, report } from "./lib/report.mjs";
import { summary } from "./lib/statistics.mjs";
import { desktopEnvironment, displayNumber } from "./lib/peer.mjs";

const n = option("n", 30);
const ARGUMENTS = ["-displayfd", "3", "-screen", "0", "1920x1080x24", "-nolisten", "tcp", "-nocursor", "-noreset", "-s", "0",
    "-extension", "GLX", "-extension", "DPMS", "-extension", "XVideo"];

async function startPlain() {
    const home = mkdtempSync(join(tmpdir(), "bench-plain-"));
    const start = performance.now();
    const display = spawn("Xvfb", ARGUMENTS, { stdio: ["ignore", "ignore", "ignore", "pipe"] });
    const environment = desktopEnvironment(await displayNumber(display), home);
    const listening = performance.now() - start;
    const windowManager = spawn("openbox", ["--startup", "echo ready"], { env: environment, stdio: ["ignore", "pipe", "ignore"] });
    await once(windowManager.stdout, "data");
    const ready = performance.now() - start;
    const ended = [once(windowManager, "exit"), once(display, "exit")];
    windowManager.kill();
    display.kill();
    await Promise.all(ended);
    rmSync(home, { recursive: true, force: true });
    return { listening, ready };
}

async function startSandbox(server, client) {
    const logged = server.log.length;
    const start = performance.now();
    const { id } = await client.startSandbox();
    const answered = performance.now() - start;
    const ready = Number(/sandbox ready.*?\bms[=:"\s]+(\d+)/.exec(server.log.slice(logged))?.[1]);
    const stopping = performance.now();
    await client.request("DELETE", `/api/sandboxes/${id}`);
    return { answered, ready, stopped: performance.now() - stopping };
}

// Cold: scripts/bench parked has the others.
const server = await startServer({ env: { SANDBOX_POOL_DESKTOP: "0", SANDBOX_POOL_CODE: "0" } });
const samples = { ours: [], plain: [] };
try {
    const client = await server.adminClient();
    for (let i = 0; i < n; i++) {
        samples.ours.push(await startSandbox(server, client));
        samples.plain.push(await startPlain());
    }
} finally {
    await stopServer(server);
}
const row = (side, step, name) => ({ ms: name, ...summary(samples[side].map((sample) => sample[step])) });
const ratio = row("ours", "ready", "").p50 / row("plain", "ready", "").p50;
report(
    "sandbox_start",
    [
        row("ours", "ready", "sandboxd: CREATE until READY"),
        row("ours", "answered", "POST /api/sandboxes until 201"),
        row("ours", "stopped", "DELETE until 200: its last process is gone"),
        row("plain", "listening", "no sandbox: Xvfb accepts"),
        row("plain", "ready", "no sandbox: Xvfb and openbox ready"),
    ],
    [`sandboxd / no sandbox: p50 ${ratio.toFixed(2)}`],
);
