// scripts/run as a person uses it: Ctrl-C must end it wherever it is.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { until } from "../harness/until.mjs";

const RUN = join(dirname(fileURLToPath(import.meta.url)), "../../scripts/run");

// A command that is interrupted and ends well all the same, as many do: bash then forgets the Ctrl-C.
const STUBBORN_MKDIR = `#!/usr/bin/env bash
tail --follow /dev/null &
trap 'kill $!; exec /usr/bin/mkdir "$@"' INT
: >"$REACHED"
wait
`;

test("Ctrl-C is not lost when the command of the moment survives it", async () => {
    const directory = mkdtempSync(join(tmpdir(), "sandbox-server-run-"));
    const reached = join(directory, "reached");
    const state = join(directory, "state");
    writeFileSync(join(directory, "mkdir"), STUBBORN_MKDIR, { mode: 0o755 });
    const child = spawn(RUN, [], {
        env: { ...process.env, PATH: `${directory}:${process.env.PATH}`, STATE_DIR: state, REACHED: reached, TMPDIR: directory },
        stdio: ["ignore", "pipe", "pipe"],
        detached: true, // its own process group, like a terminal's foreground job
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    const exited = once(child, "exit");
    try {
        await until("the command", () => existsSync(reached));
        process.kill(-child.pid, "SIGINT");
        const [code] = await exited;
        assert.equal(code, 130, output);
        assert.deepEqual(readdirSync(directory).sort(), ["mkdir", "reached", "state"], "files are left");
    } finally {
        if (child.exitCode === null) process.kill(-child.pid, "SIGTERM");
        await exited;
        rmSync(directory, { recursive: true, force: true });
    }
});
