// The disk is full under load: it is said, nothing that was acknowledged is lost, and the service goes on when there is space. The disk is a file system of this
// test's own, in a mount namespace of its own: it runs itself there.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Trial } from "../harness/faults.mjs";
import { FULL_DISK } from "../harness/shortages.mjs";

const MOUNT_AND_RUN = 'mount -t tmpfs -o size=192m,mode=755 disk "$TMPDIR" && exec "$0" --test "$1"';
const inside = process.env.OWN_DISK === "1";

if (inside) {
    let trial;
    before(async () => {
        trial = await Trial.begin({ STORAGE_FREE_MIN_MB: "8" });
    });
    after(() => trial?.end());

    test(FULL_DISK.name, async (t) => {
        const back = await trial.endure(FULL_DISK);
        t.diagnostic(`works again after ${Math.round(back)} ms`);
    });
} else {
    const skip = process.getuid() === 0 ? false : "mounts a file system, which takes root";
    test(FULL_DISK.name, { skip }, (t) => {
        const directory = mkdtempSync(join(tmpdir(), "sandbox-server-disk-"));
        chmodSync(directory, 0o755);
        const words = ["--mount", "--propagation", "private", "sh", "-c", MOUNT_AND_RUN, process.execPath, fileURLToPath(import.meta.url)];
        const { NODE_TEST_CONTEXT, ...env } = process.env; // else it would report to a test runner that is not there
        const done = spawnSync("unshare", words, { env: { ...env, OWN_DISK: "1", TMPDIR: directory }, encoding: "utf8" });
        rmdirSync(directory);
        assert.equal(done.status, 0, done.stdout + done.stderr);
        assert.match(done.stdout, /^# pass 1$/m, "no test ran");
        for (const [line] of done.stdout.matchAll(/works again after.*/g)) t.diagnostic(line);
    });
}
