// The packaged service where everything that it relies on is there: pure cgroup v2 with delegation, AppArmor in enforce mode, Debian's kernel.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import { ApiClient } from "../harness/api.mjs";
import { Load } from "../harness/load.mjs";
import { until } from "../harness/until.mjs";
import { skipWithout } from "./base.mjs";
import { boot } from "./machine.mjs";
import { PACKAGES, builtPackages } from "./packages.mjs";
import { PROJECT, runTestProgram } from "./programs.mjs";

const INSTALLED = "/usr/lib/sandbox-server";
const URL_INSIDE = "http://127.0.0.1:8080";
const PASSWORD = "correct horse battery";
const FIRST_OWNER = 0x70000000 + 1; // SANDBOX_UID_BASE and the first account's number
const LIMITS = { memory_mb: 256, cpu_percent: 50, pids: 60 };
const PROFILES = ["sandbox-server", "sandboxd", "sandbox-init", "sandbox-streamer", "sandbox-egress", "sandbox-export", "sandbox-tick", "sandbox-run"];
// Twenty that double-fork, have sessions of their own and stop themselves.
const HIDING = "for i in $(seq 20); do (setsid sh -c 'kill -STOP $$; exec sleep 4242' &); done; exit 5";
const INSTALL_MS = 400000;
const SLOWNESS = 10;
const ATTACK_MS = 600000;
const SCORES = { streamer: 0, tick: 0, "browser, started by root": 7, "code, started by root": 5, "desktop, started by root": 6, "parked code, started by root": 4 };
const FUZZED = "parked code, started by root";
const DAY_SECONDS = 86400;
const HOUR_MS = 3600000;
const skip = skipWithout(["qemu-system-x86_64", "mmdebstrap"]) || (builtPackages().length === 0 && "no packages: scripts/package makes them");

describe("the packages in a machine of their own", { skip }, () => {
    let machine;
    const check = (script, options) => machine.check(script, options);
    const ready = () => check(`until curl --silent --fail ${URL_INSIDE}/ready; do read -t 0.3 <> <(:) || :; done`);

    // Of every confined process: its name and its label.
    const labels = () => check(`for p in /proc/[0-9]*; do echo "$(cat $p/comm) $(tr -d '\\0' <$p/attr/current)"; done 2>/dev/null | grep enforce`);
    const denials = () => check(`journalctl --dmesg --no-pager --output=cat | grep -F 'apparmor="DENIED"' || :`);

    before(async () => {
        machine = await boot({ readOnlyBinds: { [PROJECT]: PROJECT, [PACKAGES]: "/packages" }, port: 8080 });
        await check(`rm /etc/postgresql-common/createcluster.d/no-cluster.conf; pg_createcluster --start 15 main`);
        await check("dpkg --install /packages/*.deb 2>&1", { timeoutMs: INSTALL_MS });
        // A small screen, and time: how fast emulation is depends on what else this machine does.
        await check("printf 'HOST=0.0.0.0\\nRECORDING=allowed\\nDISPLAY_WIDTH=800\\nDISPLAY_HEIGHT=600\\nSANDBOX_START_TIMEOUT_SECS=300\\n' >>/etc/sandbox-server/config.env; systemctl restart sandboxd sandbox-server");
        await ready();
    });

    test("every layer that the package requires is on, and every profile enforced", async () => {
        const { out, text } = await machine.run("sandboxctl doctor --json");
        const rows = Object.fromEntries(JSON.parse(out).map(({ check, state }) => [check, state]));
        for (const name of ["host_uid", "memory_limit", "cpu_limit", "process_limit", "seccomp", "egress", "apparmor", "foundation", "database"])
            assert.equal(rows[name], "ok", text);
        const loaded = await check("cat /sys/kernel/security/apparmor/profiles");
        for (const name of PROFILES) assert.match(loaded, new RegExp(`^${name} \\(enforce\\)$`, "m"));
        const running = await labels();
        assert.match(running, /^sandbox-server sandbox-server \(enforce\)$/m);
        assert.match(running, /^sandboxd sandboxd \(enforce\)$/m);
        assert.match(running, /^sandbox-egress sandbox-egress\/\/&sandboxd \(enforce\)$|^sandbox-egress sandboxd\/\/&sandbox-egress \(enforce\)$/m);
        assert.match(running, /^sandbox-tick sandbox-tick\/\/&sandboxd \(enforce\)$|^sandbox-tick sandboxd\/\/&sandbox-tick \(enforce\)$/m);
    });

    test("a desktop runs under the profiles, and its limits hold", async () => {
        await check(`echo '${PASSWORD}' | create-user --username ada --password-stdin`);
        const [{ id }] = JSON.parse(await check("sandboxctl user list --json"));
        const home = `/var/lib/sandbox-server/homes/${id}`;
        await check(`mkdir -p ${home}/.config/openbox; cp ${PROJECT}/tests/vm/bombs.py ${home}/
            cp ${PROJECT}/tests/vm/bombs.sh ${home}/.config/openbox/autostart
            chown -R ${FIRST_OWNER}:${FIRST_OWNER} ${home}; chmod 700 ${home}`);
        const command = `nodejs ${PROJECT}/tests/vm/desktop.mjs ${URL_INSIDE} ada '${PASSWORD}' '${JSON.stringify(LIMITS)}' ${home}/go`;
        const sandbox = JSON.parse(await check(command));
        assert.ok(sandbox.picture > 100);
        assert.equal(sandbox.stop.reason, "memory", JSON.stringify(sandbox));
        const [processes, share] = (await check(`cat ${home}/result`)).trim().split(" ");
        assert.equal(processes, "refused");
        assert.ok(Number(share) < (1.5 * LIMITS.cpu_percent) / 100, share);
        assert.equal(await denials(), "");
    });

    test("what a profile does not name is denied to root", async () => {
        assert.match(await check(`${PROJECT}/tests/vm/forbidden`), /^([4-9][0-9]|1[0-9][0-9]) tries\n$/);
    });

    test("the share of inotify that sandboxes have is there, and doctor mends it where it is not", async () => {
        const limit = async () => {
            const rows = JSON.parse((await machine.run("sandboxctl doctor --json")).out);
            return rows.find((row) => row.check === "fs.inotify.max_user_instances");
        };
        assert.deepEqual(await limit(), { state: "ok", check: "fs.inotify.max_user_instances", detail: "16384" });
        await check("sysctl --quiet --write fs.inotify.max_user_instances=128");
        const { state, detail } = await limit();
        assert.equal(state, "weak");
        await check(detail.match(/run: (.*)$/)[1]);
        assert.deepEqual(await limit(), { state: "ok", check: "fs.inotify.max_user_instances", detail: "512" });
    });

    // The attacks that every host is put to, on what is installed here: pure cgroup v2, the profiles on top, an older kernel and Landlock.
    const attack = (program, options) => runTestProgram(machine, `tests/${program}`, { programs: INSTALLED, timeoutMs: ATTACK_MS, ...options });

    // Exactly those that are on the list: as on every host by sandbox-run, without a lock by sandboxd, whose profile gives none on what all share.
    const scores = {};
    const doors = [
        ["sandbox-run", ["outside", "streamer", "tick", "browser, started by root", "code, started by root"], "."],
        ["sandboxd", ["desktop, started by root", "parked code, started by root"], "--invert-match 'lock of a shared file'"],
    ];
    for (const [starter, places, kept] of doors) {
        test(`no door is open that is not explained: ${starter}`, async (t) => {
            await check(`grep ${kept} ${PROJECT}/tests/escape/open_doors.txt >/run/open_doors`);
            const text = await attack("escape/escape_doors", { env: { PLACES: places.join(";"), OPEN_DOORS: "/run/open_doors" } });
            for (const [, place, open, all] of text.matchAll(/^(.+): ([0-9]+) of ([0-9]+) doors are open$/gm)) {
                scores[place] = Number(open);
                t.diagnostic(`${place}: ${open} of ${all} doors are open`);
            }
        });
    }

    test("each profile has its score", () => {
        assert.deepEqual(scores, SCORES);
    });

    test("random calls leave the machine alone", async () => {
        await attack("escape/escape_calls", { env: { PLACES: FUZZED, FUZZ_CALLS: "1500" } });
    });

    test("links that are swapped lead nowhere", async () => {
        await attack("escape/escape_races", { env: { TEST_MODE: "delegated", TEST_FILTER: "a_link_*", RACE_ROUNDS: "2" } });
    });

    test("sandboxes start, end by what happens to them, and leave nothing", async () => {
        for (const filter of ["starts_lists_and_stops", "killed_parts_*"])
            await attack("scenario/sandboxd/scenario_sandboxd_lifecycle", { env: { TEST_MODE: "delegated", TEST_FILTER: filter } });
    });

    // Limits of a running sandbox, and the cause memory: the desktop above. With every other limit: vm.machine.
    const commands = [
        ["exit 3", "", "exited", 3],
        ["kill -TERM $$", "", "signalled", 143],
        ["sleep 4242", "--time 2", "time", 137],
        [HIDING, "", "exited", 5],
    ];
    test("a command ends by its cause, and takes along what hides from its end", async () => {
        for (const [script, options, cause, status] of commands) {
            const result = await machine.run(`exec sandbox-run --json=2 ${options} -- sh`, { properties: { Delegate: "yes" }, input: script });
            assert.deepEqual([JSON.parse(result.err.trim().split("\n").at(-1)).cause, result.status], [cause, status], result.text);
        }
        await check("! pgrep --full 'sleep [4]242'");
    });

    test("sandboxd that was killed is back, with its groups", async () => {
        await check(`before=$(systemctl show --property=MainPID --value sandboxd); kill -KILL $before
            until now=$(systemctl show --property=MainPID --value sandboxd); [ $now != 0 ] && [ $now != $before ]; do read -t 0.3 <> <(:) || :; done`);
        await ready();
        const group = "/sys/fs/cgroup/system.slice/sandboxd.service";
        assert.equal((await check(`cat ${group}/cgroup.subtree_control`)).trim(), "cpu io memory pids");
    });

    // From here on by a user of this host, who sees what the machine acknowledges and outlives it.
    let load;
    let line = Promise.resolve(); // one job at a time in the machine
    const inTurn = (job) => (line = line.then(job, job));

    test("a clock that jumps a day ahead and back ends no desktop and no sign-in", async () => {
        const server = { client: () => new ApiClient(`http://127.0.0.1:${machine.forwarded}`) };
        const ctl = (args, input) => inTurn(() => machine.execute(["sandboxctl", ...args], { input }).catch(() => ({ status: 1 })));
        load = new Load(server, { ctl, slowness: SLOWNESS });
        const ida = server.client(); // not ada, in whose home the bombs are
        await check(`echo '${PASSWORD}' | create-user --username ida --password-stdin`);
        const renew = async () => assert.equal((await ida.refresh()).status, 200);
        assert.equal((await ida.login("ida", PASSWORD)).status, 200);
        const { id } = await ida.startSandbox();
        await load.start(1);
        load.resume();
        for (const step of [DAY_SECONDS, -DAY_SECONDS]) {
            const before = Date.parse((await ida.sandbox(id)).expires_at);
            // Who got no answer to a start asks again with its key, which does not outlive a day: nobody waits for an answer when the day is over.
            await load.pause();
            await inTurn(() => check(`date --set=@$(($(date +%s) + ${step}))`));
            await renew();
            const moved = async () => Math.abs(Date.parse((await ida.sandbox(id)).expires_at) - before - step * 1000) < HOUR_MS;
            await until("the end of the desktop to be moved", moved, 60000);
            // What is read from the row has to be right as well.
            await inTurn(() => check("systemctl restart sandbox-server"));
            await inTurn(ready);
            load.resume();
            await load.acknowledge(5);
            assert.equal((await ida.sandbox(id)).state, "running");
        }
        assert.equal((await ida.request("DELETE", `/api/sandboxes/${id}`)).status, 200);
        await load.verify();
    });

    test("a power cut under load loses nothing that was acknowledged", async (t) => {
        load.resume();
        await inTurn(() => check("sandboxctl backup-key && sandboxctl backup"));
        await load.acknowledge(10);
        load.sandboxesMayEnd();
        load.dark(true);
        const began = performance.now();
        await inTurn(() => machine.reset());
        await inTurn(ready);
        t.diagnostic(`works again after ${Math.round((performance.now() - began) / 1000)} s, in emulation`);
        load.dark(false);
        load.sandboxesMayEnd(false);
        await load.acknowledge(5);
        await load.verify();
        // What was half done is done or gone: no home on its way, no recording without its header.
        assert.equal(await check("find /var/lib/sandbox-server/homes -mindepth 1 -maxdepth 1 -name '.*'; find /var/lib/sandbox-server/recordings -size -80c -type f"), "");
        assert.match(await check("sandboxctl restore --dry-run /var/backups/sandbox-server/*.backup"), /it is whole/);
    });

    test("a reboot brings the service back", async () => {
        await machine.reboot();
        await ready();
        assert.match(await labels(), /^sandboxd sandboxd \(enforce\)$/m);
    });
});
