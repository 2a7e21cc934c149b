// A PostgreSQL cluster that a test brings itself, in a directory of its own, reached by a unix socket.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { until } from "./until.mjs";

const VERSIONS = "/usr/lib/postgresql";
const START_MS = 60000;

const binaries = () => join(VERSIONS, readdirSync(VERSIONS).sort((a, b) => b - a)[0], "bin");

// PostgreSQL refuses to run as root.
function clusterUser() {
    if (process.getuid() !== 0) return {};
    const id = (flag) => Number(spawnSync("id", [flag, "sandbox-postgres"], { encoding: "utf8" }).stdout);
    return { uid: id("-u"), gid: id("-g") };
}

export async function startCluster() {
    const directory = mkdtempSync(join(tmpdir(), "cluster-test-"));
    const data = join(directory, "data");
    const user = clusterUser();
    chmodSync(directory, 0o755);
    mkdirSync(data, { mode: 0o700 });
    if (user.uid) for (const path of [directory, data]) chownSync(path, user.uid, user.gid);

    const options = { cwd: directory, ...user };
    const made = spawnSync(join(binaries(), "initdb"), ["-D", data, "-U", "tests", "--auth=trust", "--no-sync"], options);
    if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
    const settings = [`unix_socket_directories=${directory}`, "listen_addresses=", "fsync=off"].flatMap((text) => ["-c", text]);
    const postgres = spawn(join(binaries(), "postgres"), ["-D", data, ...settings], { stdio: "ignore", ...options });
    const exited = once(postgres, "exit");
    await until("PostgreSQL", () => spawnSync(join(binaries(), "pg_isready"), ["-h", directory]).status === 0, START_MS);
    return {
        url: `postgresql:///postgres?host=${directory}&user=tests`,
        stop: async () => {
            postgres.kill("SIGINT");
            await exited;
            rmSync(directory, { recursive: true, force: true });
        },
    };
}
