// What sandbox-server takes from itself, whoever starts it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { userOf } from "../harness/processes.mjs";
import { freePort, startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

test("no thread of it can gain privileges, also without a supervisor that saw to that", async () => {
    const server = await startServer();
    const { pid } = server.process("sandbox-server");
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").filter(Boolean);
    const user = userOf(pid);
    const port = await freePort();
    const child = spawn(join(process.env.PROGRAMS, "bin/sandbox-server"), [], {
        env: {
            ...Object.fromEntries(environment.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)])),
            PORT: String(port),
            METRICS_PORT: "0",
            NODE_ID: "alone",
            SANDBOXD_SOCKET: "/nonexistent",
            JWT_SECRET: randomBytes(32).toString("hex"),
            NOTIFY_SOCKET: undefined,
        },
        stdio: "ignore",
        ...(process.getuid() === 0 ? { uid: user, gid: user } : {}),
    });
    try {
        await until("an answer", () => fetch(`http://127.0.0.1:${port}/health`).then((answer) => answer.ok, () => false));
        const threads = readdirSync(`/proc/${child.pid}/task`);
        assert.ok(threads.length > 1, "the workers are missing");
        for (const thread of threads)
            assert.match(readFileSync(`/proc/${child.pid}/task/${thread}/status`, "utf8"), /^NoNewPrivs:\t1$/m, `thread ${thread}`);
    } finally {
        child.kill("SIGKILL");
    }
    await server.stop();
});
