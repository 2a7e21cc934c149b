// The packaged service where everything that it relies on is there: pure cgroup v2 with delegation, AppArmor in enforce mode, Debian's kernel.
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { skipWithout } from "./base.mjs";
import { boot } from "./machine.mjs";
import { PACKAGES, builtPackages } from "./packages.mjs";

const PROJECT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const URL_INSIDE = "http://127.0.0.1:8080";
const PASSWORD = "correct horse battery";
const FIRST_OWNER = 0x70000000 + 1; // SANDBOX_UID_BASE and the first account's number
const LIMITS = { memory_mb: 256, cpu_percent: 50, pids: 60 };
const PROFILES = ["sandbox-server", "sandboxd", "sandbox-init", "sandbox-streamer", "sandbox-egress", "sandbox-export", "sandbox-run"];
const INSTALL_MS = 400000;
const skip = skipWithout(["qemu-system-x86_64", "mmdebstrap"]) || (builtPackages().length === 0 && "no packages: scripts/package makes them");

describe("the packages in a machine of their own", { skip }, () => {
    let machine;
    const check = (script, options) => machine.check(script, options);
    const ready = () => check(`until curl --silent --fail ${URL_INSIDE}/ready; do read -t 0.3 <> <(:) || :; done`);

    // Of every confined process: its name and its label.
    const labels = () => check(`for p in /proc/[0-9]*; do echo "$(cat $p/comm) $(tr -d '\\0' <$p/attr/current)"; done 2>/dev/null | grep enforce`);
    const denials = () => check(`journalctl --dmesg --no-pager --output=cat | grep -F 'apparmor="DENIED"' || :`);

    before(async () => {
        machine = await boot({ readOnlyBinds: { [PROJECT]: PROJECT, [PACKAGES]: "/packages" } });
        await check(`rm /etc/postgresql-common/createcluster.d/no-cluster.conf; pg_createcluster --start 15 main`);
        await check("dpkg --install /packages/*.deb 2>&1", { timeoutMs: INSTALL_MS });
        // A small screen: what is emulated has to start within the same 20 s.
        await check("printf 'DISPLAY_WIDTH=800\\nDISPLAY_HEIGHT=600\\n' >>/etc/sandbox-server/config.env; systemctl restart sandboxd sandbox-server");
        await ready();
    });

    test("every layer that the package requires is on, and every profile enforced", async () => {
        const { out, text } = await machine.run("sandboxctl doctor --json");
        const rows = Object.fromEntries(JSON.parse(out).map(({ check, state }) => [check, state]));
        for (const name of ["host_uid", "memory_limit", "cpu_limit", "process_limit", "seccomp", "egress", "apparmor", "database"])
            assert.equal(rows[name], "ok", text);
        const loaded = await check("cat /sys/kernel/security/apparmor/profiles");
        for (const name of PROFILES) assert.match(loaded, new RegExp(`^${name} \\(enforce\\)$`, "m"));
        const running = await labels();
        assert.match(running, /^sandbox-server sandbox-server \(enforce\)$/m);
        assert.match(running, /^sandboxd sandboxd \(enforce\)$/m);
        assert.match(running, /^sandbox-egress sandbox-egress\/\/&sandboxd \(enforce\)$|^sandbox-egress sandboxd\/\/&sandbox-egress \(enforce\)$/m);
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
        assert.match(await check(`${PROJECT}/tests/vm/forbidden`), /^[4-9][0-9] tries\n$/);
    });

    test("sandboxd that was killed is back, with its groups", async () => {
        await check(`before=$(systemctl show --property=MainPID --value sandboxd); kill -KILL $before
            until now=$(systemctl show --property=MainPID --value sandboxd); [ $now != 0 ] && [ $now != $before ]; do read -t 0.3 <> <(:) || :; done`);
        await ready();
        const group = "/sys/fs/cgroup/system.slice/sandboxd.service";
        assert.equal((await check(`cat ${group}/cgroup.subtree_control`)).trim(), "cpu io memory pids");
    });

    test("a reboot brings the service back", async () => {
        await machine.reboot();
        await ready();
        assert.match(await labels(), /^sandboxd sandboxd \(enforce\)$/m);
    });
});
