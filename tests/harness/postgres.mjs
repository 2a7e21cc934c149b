// A PostgreSQL server of a test's own, that somebody else than the supervisor runs: it listens on the loopback address and asks for a password.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort } from "./server.mjs";
import { until } from "./until.mjs";

const NOBODY = { uid: 65534, gid: 65534 };
const PASSWORD = "between the two of us";

function programDirectory() {
    const versions = readdirSync("/usr/lib/postgresql").map(Number).sort((a, b) => a - b);
    return `/usr/lib/postgresql/${versions.at(-1)}/bin`;
}

export class Postgres {
    static async start() {
        const postgres = new Postgres();
        const user = process.getuid() === 0 ? NOBODY : {}; // PostgreSQL refuses to run as root
        const programs = programDirectory();
        const directory = (postgres.directory = mkdtempSync(join(tmpdir(), "external-database-")));
        const passwordFile = join(directory, "password");
        writeFileSync(passwordFile, `${PASSWORD}\n`);
        if (user.uid) for (const path of [directory, passwordFile]) chownSync(path, user.uid, user.gid);
        chmodSync(directory, 0o700);
        const options = { ...user, cwd: directory, env: { PATH: programs, LC_ALL: "C.UTF-8" } };
        const data = join(directory, "data");
        execFileSync(
            `${programs}/initdb`,
            [`--pgdata=${data}`, "--username=outside", "--auth=scram-sha-256", `--pwfile=${passwordFile}`, "--no-sync"],
            { ...options, stdio: "pipe" },
        );
        const port = await freePort();
        const settings = ["listen_addresses=127.0.0.1", `port=${port}`, `unix_socket_directories=${directory}`, "fsync=off"];
        postgres.child = spawn(`${programs}/postgres`, ["-D", data, ...settings.flatMap((setting) => ["-c", setting])], {
            ...options,
            stdio: ["ignore", "ignore", "pipe"],
        });
        let log = "";
        postgres.child.stderr.on("data", (chunk) => (log += chunk));
        postgres.url = `postgresql://outside:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`;
        await until("the external database", () => /ready to accept connections/.test(log)).catch((error) => {
            throw new Error(`${error.message}\n${log}`);
        });
        return postgres;
    }

    async stop() {
        if (this.child.exitCode === null) {
            this.child.kill("SIGINT"); // a fast shutdown
            await once(this.child, "exit");
        }
        rmSync(this.directory, { recursive: true, force: true });
    }
}

export { PASSWORD };
