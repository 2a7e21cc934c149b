// A statement in the database of a running instance, past every program.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { userOf } from "./processes.mjs";

export function sql(server, text) {
    const { pid } = server.process("sandbox-server");
    const url = /(?:^|\0)DATABASE_URL=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, "utf8"))[1];
    const group = statSync(join(server.stateDir, "run/postgres")).gid;
    const done = spawnSync("psql", ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", text], {
        encoding: "utf8",
        cwd: "/",
        ...(process.getuid() === 0 ? { uid: userOf(pid), gid: group } : {}),
    });
    assert.equal(done.status, 0, done.stderr);
    return done.stdout;
}
