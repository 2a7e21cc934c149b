// Statements in the database of a running instance, past every program.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { userOf } from "./processes.mjs";

// How to run psql on the database of a running instance, as its sandbox-server does.
function psql(server) {
    const { pid } = server.process("sandbox-server");
    const url = /(?:^|\0)DATABASE_URL=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, "utf8"))[1];
    const group = statSync(join(server.stateDir, "run/postgres")).gid;
    return {
        words: ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url],
        options: { cwd: "/", ...(process.getuid() === 0 ? { uid: userOf(pid), gid: group } : {}) },
    };
}

export function sql(server, text) {
    const { words, options } = psql(server);
    const done = spawnSync("psql", [...words, "-c", text], { encoding: "utf8", ...options });
    assert.equal(done.status, 0, done.stderr);
    return done.stdout;
}

// A connection that outlives sandbox-server, for what has to stay open between statements: a lock.
export class SqlSession {
    #lines;
    constructor(server) {
        const { words, options } = psql(server);
        this.child = spawn("psql", words, { stdio: ["pipe", "pipe", "inherit"], ...options });
        this.#lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    }

    // The lines that come back.
    async run(text) {
        this.child.stdin.write(`${text};\n\\echo done\n`);
        const lines = [];
        for (let { value, done } = await this.#lines.next(); value !== "done"; { value, done } = await this.#lines.next()) {
            assert.ok(!done, "psql ended");
            lines.push(value);
        }
        return lines;
    }

    async end() {
        const exited = once(this.child, "exit");
        this.child.stdin.end();
        assert.deepEqual(await exited, [0, null]);
    }
}
