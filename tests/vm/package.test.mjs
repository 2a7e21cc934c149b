// An operator's way with the packages, on a clean Debian: install, use, restart, upgrade, purge.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { ApiClient } from "../harness/api.mjs";
import { EdgeClient, HOST, connectOverHttp2 } from "../harness/haproxy.mjs";
import { until } from "../harness/until.mjs";
import { SUBPROTOCOL, WebSocketClient } from "../harness/websocket.mjs";
import { skipWithout } from "./base.mjs";
import { openRelay, setUpEdge } from "./edge.mjs";
import { boot } from "./nspawn.mjs";
import { PACKAGES, builtPackages, changeProgram, makeNewer } from "./packages.mjs";

const PASSWORD = "correct horse battery";
const PORT = 8080;
const EDGE_PORT = 443;
const METRICS_PORT = 9100;
const KIND_HELLO = 0x01;
const PICTURE_MIN = 1000; // bytes: nothing else is as long
const UNITS = ["sandboxd.socket", "sandboxd", "sandbox-server", "sandbox-server-database"];
// What `systemd-analyze security` says of each unit; docs/OPERATIONS.md states it.
const EXPOSURE = { sandboxd: 3.9, "sandbox-server": 1.6, "sandbox-server-database": 0.7, "sandbox-server-backup": 2.5 };
const skip = skipWithout(["systemd-nspawn", "mmdebstrap"]) || (builtPackages().length === 0 && "no packages: scripts/package makes them");

describe("the packages", { skip }, () => {
    const directory = mkdtempSync(join(tmpdir(), "sandbox-server-package-"));
    const relays = [];
    let container, client, url, edge;

    const check = (script) => container.check(script);
    const show = async (unit, property) => (await check(`systemctl show --property=${property} --value ${unit}`)).trim();
    const journal = async (unit, more = "") =>
        (await check(`journalctl --sync; journalctl --unit=${unit} --output=json ${more}`)).trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));

    const reach = async (port) => {
        relays.push(await openRelay(container, port, directory));
        return relays.at(-1).port;
    };

    const ready = () =>
        until("the service", async () => {
            const answer = await new ApiClient(url).request("GET", "/ready").catch(() => null);
            return answer?.status === 200;
        }, 30000);

    // The first packets of a stream: what it is, and a picture.
    async function watch(sandbox) {
        const { status, body, text } = await client.request("POST", `/api/sandboxes/${sandbox.id}/ticket`, { body: {} });
        assert.equal(status, 201, text);
        const socket = await WebSocketClient.open(url, body.path, { headers: { Origin: url } });
        await socket.binary(KIND_HELLO, 20000);
        await socket.next(({ binary, data }) => binary && data[0] !== KIND_HELLO && data.length > PICTURE_MIN, 20000);
        return socket;
    }

    const install = (paths) => check(`DEBIAN_FRONTEND=noninteractive dpkg --install ${paths} 2>&1`);

    before(async () => {
        // What systemd-nspawn denies and a machine has: session keyrings, Landlock.
        container = await boot({ binds: { [directory]: "/newer" }, readOnlyBinds: { [PACKAGES]: "/packages" }, options: ["--system-call-filter=@keyring @sandbox"] });
        // A container's /proc is masked in parts, and would not let a user namespace have one of its own.
        await check("mount -t proc proc /proc");
        // An installation of PostgreSQL as Debian leaves it; there are no limits where the host's control groups can't be delegated.
        await check(`rm /etc/postgresql-common/createcluster.d/no-cluster.conf; pg_createcluster --start 15 main
            mkdir -p /etc/systemd/system/sandboxd.service.d
            printf '[Service]\\nEnvironment=SANDBOX_LAYERS_REQUIRED=host_uid,resource_limits,seccomp,egress\\n' >/etc/systemd/system/sandboxd.service.d/test.conf`);
    });
    after(() => {
        for (const relay of relays) relay.close();
        rmSync(directory, { recursive: true, force: true });
    });

    test("nothing is asked, and everything runs", async () => {
        const text = await install("/packages/*.deb");
        assert.match(text, /make the first account with: create-user/);
        for (const unit of UNITS) assert.equal(await show(unit, "ActiveState"), "active", await check(`journalctl --no-pager -u ${unit}`));
        assert.equal((await check("systemctl list-units --failed --plain --no-legend")).trim(), "");
        assert.equal((await check("stat --format='%U %G %a' /etc/sandbox-server/credentials/JWT_SECRET")).trim(), "root root 600");
        assert.equal((await check("stat --format='%U %G %a' /var/lib/sandbox-server/homes")).trim(), "sandboxd sandboxd 711");
        assert.equal((await check("stat --format='%U %a' /run/sandboxd/sandboxd.sock")).trim(), "sandbox-server 600");
        url = `http://127.0.0.1:${await reach(PORT)}`;
        await ready();
    });

    test("each program has its rights and no more", async () => {
        const status = async (unit) => check(`cat /proc/${await show(unit, "MainPID")}/status`);
        const [server, daemon] = [await status("sandbox-server"), await status("sandboxd")];
        for (const name of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
            assert.match(server, new RegExp(`^${name}:\t0+$`, "m"));
            assert.match(daemon, new RegExp(`^${name}:\t00000000000000c0$`, "m")); // CAP_SETGID, CAP_SETUID
        }
        for (const text of [server, daemon]) assert.match(text, /^NoNewPrivs:\t1$/m);
    });

    test("systemd finds little that a unit could do", async () => {
        for (const [unit, most] of Object.entries(EXPOSURE)) {
            const text = await check(`systemd-analyze security --no-pager ${unit}.service`);
            const [, score] = /Overall exposure level for \S+: ([0-9.]+)/.exec(text);
            assert.ok(Number(score) <= most, `${unit}: ${score}\n${text}`);
        }
    });

    let sandbox;
    test("an account signs in and sees its desktop", async () => {
        await check(`echo '${PASSWORD}' | create-user --username ada --password-stdin --role admin`);
        client = new ApiClient(url);
        assert.equal((await client.login("ada", PASSWORD)).status, 200);
        sandbox = await client.startSandbox();
        (await watch(sandbox)).destroy();
        assert.match(await check("sandboxctl sandbox list"), new RegExp(sandbox.id));
        const rows = JSON.parse((await container.run("sandboxctl doctor --json")).out);
        assert.deepEqual(rows.find((row) => row.check === "database")?.state, "ok", JSON.stringify(rows));
        assert.deepEqual(rows.find((row) => row.check === "upgrade")?.state, "ok", JSON.stringify(rows));
    });

    // A sign-in, and the first packets of a stream, as a browser has them: TLS, HTTP/2.
    async function watchThroughEdge() {
        const visitor = new EdgeClient(edge);
        const answer = await visitor.login("ada", PASSWORD);
        assert.equal(answer.status, 200, answer.text);
        const { status, body, text } = await visitor.request("POST", `/api/sandboxes/${sandbox.id}/ticket`, { body: {} });
        assert.equal(status, 201, text);
        const session = connectHttp2(edge.url, { ca: edge.ca, lookup: (_, options, done) => done(null, options.all ? [{ address: "127.0.0.1", family: 4 }] : "127.0.0.1", 4) });
        session.on("error", () => {});
        const stream = await connectOverHttp2(session, body.path, { protocol: SUBPROTOCOL, origin: edge.url });
        const socket = new WebSocketClient(stream, Buffer.alloc(0));
        await socket.binary(KIND_HELLO, 20000);
        await socket.next(({ binary, data }) => binary && data[0] !== KIND_HELLO && data.length > PICTURE_MIN, 20000);
        return { socket, session, end: () => (socket.destroy(), session.destroy()) };
    }

    const edgeUp = () => until("HAProxy's node", async () => (await new EdgeClient(edge).request("GET", "/ready").catch(() => null))?.status === 200, 30000);

    test("HAProxy before it: sign-in and frames through TLS and HTTP/2", async () => {
        await check(`echo METRICS_PORT=${METRICS_PORT} >>/etc/sandbox-server/config.env`);
        const ca = await setUpEdge(container, PORT);
        const port = await reach(EDGE_PORT);
        edge = { url: `https://${HOST}:${port}`, port, ca };
        await edgeUp();
        assert.equal(await show("haproxy", "ActiveState"), "active");
        const viewer = await watchThroughEdge();
        // Who asks is who asks HAProxy.
        const guess = `curl --silent --insecure --interface 127.0.0.9 --output /dev/null --write-out '%{http_code}' --json '{"username":"ada","password":"wrong password"}'`;
        assert.equal(await check(`${guess} https://${HOST}/api/auth/login`), "401");
        assert.ok((await journal("sandbox-server")).some(({ MESSAGE, SANDBOX_SOURCE }) => MESSAGE.startsWith("A sign-in failed") && SANDBOX_SOURCE === "127.0.0.9"));
        // A reload of the edge leaves who watches, and serves who comes.
        await check("systemctl reload haproxy");
        (await watchThroughEdge()).end();
        assert.equal(viewer.socket.closed, null);
        viewer.end();
    });

    test("the metrics are those of both services", async () => {
        const text = await check(`curl --silent --fail http://127.0.0.1:${METRICS_PORT}/metrics`);
        for (const name of ["sandbox-server", "sandboxd", "sandbox-init"])
            assert.match(text, new RegExp(`^sandbox_server_program_resident_bytes{program="${name}"} [1-9]`, "m"));
        assert.match(await check("sandboxctl top --once"), new RegExp(`^programs .*sandboxd.*^ada .* ${sandbox.id}$`, "ms"));
    });

    test("with a key there are backups, and each can be read again", async () => {
        assert.equal(await show("sandbox-server-backup.timer", "ActiveState"), "active");
        await check("systemctl start sandbox-server-backup && ! ls /var/backups/sandbox-server/*.backup"); // skipped: there is no key
        await check("cd /var/lib/sandbox-server/homes/*; echo kept >kept; chown --reference=. kept");
        await check("sandboxctl backup-key && test \"$(stat --format='%U %a' /etc/sandbox-server/backup.key)\" = 'root 600'");
        await check("systemctl start sandbox-server-backup || { journalctl --no-pager --unit=sandbox-server-backup; exit 1; }");
        assert.match(await check("sandboxctl restore --dry-run /var/backups/sandbox-server/*.backup"), /1 homes.*\nit is whole/s);
        assert.match((await container.run("sandboxctl restore /var/backups/sandbox-server/*.backup")).err, /the database is not empty/);
        const rows = JSON.parse((await container.run("sandboxctl doctor --json")).out);
        assert.equal(rows.find((row) => row.check === "backups").state, "ok");
    });

    test("the journal has each field as a field", async () => {
        const [entry] = (await journal("sandboxd")).filter(({ MESSAGE }) => MESSAGE.startsWith("serving"));
        assert.deepEqual(
            [entry.SANDBOX_SOCKET, entry.PRIORITY, entry.SYSLOG_IDENTIFIER, entry._TRANSPORT],
            ["/run/sandboxd/sandboxd.sock", "6", "sandboxd", "journal"],
        );
    });

    test("a changed configuration is taken over, a wrong one is not", async () => {
        const pid = await show("sandbox-server", "MainPID");
        await check(`printf 'SANDBOX_MAX_PER_USER=7\\nPORT=9999\\n' >>/etc/sandbox-server/config.env; systemctl reload sandbox-server`);
        const limit = async () => (await client.request("GET", "/api/users/me")).body.sandbox_limit;
        await until("the new limit", async () => (await limit()) === 7);
        assert.ok((await journal("sandbox-server")).some(({ SANDBOX_KEY, MESSAGE }) => SANDBOX_KEY === "PORT" && MESSAGE.includes("waits")));
        await check(`echo NONSENSE=1 >>/etc/sandbox-server/config.env; systemctl reload sandbox-server`);
        await until("the refusal", async () => (await journal("sandbox-server")).some(({ SANDBOX_PROBLEM }) => SANDBOX_PROBLEM?.includes("NONSENSE")));
        assert.equal(await limit(), 7);
        assert.equal(await show("sandbox-server", "MainPID"), pid);
        await check("sed -i -e '/^NONSENSE/d' -e '/^PORT/d' -e '/^SANDBOX_MAX_PER_USER/d' /etc/sandbox-server/config.env");
    });

    test("a restart of sandbox-server loses no sandbox", async () => {
        const daemon = await show("sandboxd", "MainPID");
        await check("systemctl restart sandbox-server");
        await ready();
        assert.equal(await show("sandboxd", "MainPID"), daemon);
        assert.equal((await client.sandbox(sandbox.id)).state, "running");
        await edgeUp();
        (await watchThroughEdge()).end();
    });

    test("nor does one of HAProxy or of PostgreSQL", async () => {
        const pids = [await show("sandbox-server", "MainPID"), await show("sandboxd", "MainPID")];
        await check("systemctl restart postgresql@15-main haproxy");
        await ready();
        await edgeUp();
        (await watchThroughEdge()).end();
        assert.deepEqual([await show("sandbox-server", "MainPID"), await show("sandboxd", "MainPID")], pids);
    });

    test("a sandbox-server that hangs is started again", async () => {
        const pid = await show("sandbox-server", "MainPID");
        await check(`mkdir -p /etc/systemd/system/sandbox-server.service.d
            printf '[Service]\\nWatchdogSec=1\\nTimeoutAbortSec=1\\n' >/etc/systemd/system/sandbox-server.service.d/test.conf
            systemctl daemon-reload; systemctl restart sandbox-server`);
        const watched = await show("sandbox-server", "MainPID");
        assert.notEqual(watched, pid);
        await check(`kill -STOP ${watched}`);
        await until("another process", async () => ![watched, "0"].includes(await show("sandbox-server", "MainPID")), 20000);
        await ready();
        assert.equal(await show("sandbox-server", "NRestarts"), "1");
        await check("rm -r /etc/systemd/system/sandbox-server.service.d; systemctl daemon-reload; systemctl restart sandbox-server");
        await ready();
    });

    test("without a database for longer than systemd has patience by default, both services come back", async () => {
        await check("systemctl stop postgresql@15-main");
        await check(`kill -KILL ${await show("sandbox-server", "MainPID")}`);
        await until("six tries to start it", async () => Number(await show("sandbox-server", "NRestarts")) >= 6, 60000);
        await check("systemctl start postgresql@15-main");
        await ready();
        assert.equal((await client.sandbox(sandbox.id)).state, "running");
    });

    test("an upgrade keeps state and sandboxes", async () => {
        const [server, daemon] = [await show("sandbox-server", "MainPID"), await show("sandboxd", "MainPID")];
        const version = makeNewer("+newer1", join(directory, "first"), changeProgram("sandbox-keymap"));
        assert.match(await install("/newer/first/*.deb"), /sandboxd goes on in its old version/);
        await ready();
        assert.equal(/^Version: (.*)$/m.exec(await check("dpkg --status sandbox-server"))[1], version);
        assert.notEqual(await show("sandbox-server", "MainPID"), server);
        assert.equal(await show("sandboxd", "MainPID"), daemon);
        assert.equal((await client.sandbox(sandbox.id)).state, "running");
        await edgeUp();
        (await watchThroughEdge()).end();
        const rows = JSON.parse((await container.run("sandboxctl doctor --json")).out);
        assert.equal(rows.find((row) => row.check === "upgrade").state, "weak");
    });

    test("nor does one that changes how the two services speak", async () => {
        const [server, daemon] = [await show("sandbox-server", "MainPID"), await show("sandboxd", "MainPID")];
        await check("sed -i 's/channel .*/channel 0/' /var/lib/sandboxd/programs/version");
        makeNewer("+newer2", join(directory, "second"), () => {});
        assert.match(await install("/newer/second/*.deb"), /systemctl restart sandboxd sandbox-server/);
        assert.deepEqual([await show("sandbox-server", "MainPID"), await show("sandboxd", "MainPID")], [server, daemon]);
        (await watch(sandbox)).destroy();
    });

    test("a restart of sandboxd ends sandboxes, and others start", async () => {
        await check("systemctl restart sandboxd");
        await ready();
        await until("the end of the sandbox", async () => (await client.sandbox(sandbox.id)).state === "ended", 20000);
        const rows = JSON.parse((await container.run("sandboxctl doctor --json")).out);
        assert.equal(rows.find((row) => row.check === "upgrade").state, "ok");
        sandbox = await client.startSandbox();
        (await watch(sandbox)).destroy();
        await check(`kill -KILL ${await show("sandboxd", "MainPID")}`);
        await until("the end of the sandbox", async () => (await client.sandbox(sandbox.id).catch(() => null))?.state === "ended", 30000);
        await ready();
        await client.startSandbox();
    });

    test("a purge removes what was installed, and what the users made only when asked", async () => {
        await check("dpkg --purge sandbox-server 2>&1");
        assert.equal(await check("pgrep --uid sandboxd --uid sandbox-server || :"), "");
        assert.equal(await check("ls /etc/sandbox-server"), "backup.key\n"); // without it no backup could be read again
        await check("mv /etc/sandbox-server/backup.key /var/backups/sandbox-server/*.backup /root; rm -r /etc/sandbox-server");
        const left = "ls -d /etc/sandbox-server /var/lib/sandboxd /run/sandboxd /usr/lib/sandbox-server /etc/apparmor.d/sandbox-server 2>/dev/null || :";
        assert.equal(await check(left), "");
        assert.equal((await check("ls /var/lib/sandbox-server/homes | wc -l")).trim(), "1");
        assert.equal((await check("runuser -u postgres -- psql -Atc 'SELECT username FROM accounts' sandbox-server")).trim(), "ada");

        await install("/packages/*.deb");
        await ready();
        assert.equal((await client.login("ada", PASSWORD)).status, 200);
        await check("touch /var/lib/sandbox-server/purge-user-data; dpkg --purge sandbox-server sandboxctl 2>&1");
        assert.equal(await check(`${left}; ls -d /var/lib/sandbox-server 2>/dev/null || :`), "");
        assert.equal((await check("runuser -u postgres -- psql -Atc \"SELECT datname FROM pg_database WHERE datname LIKE 'sandbox%'\"")).trim(), "");
    });

    test("on a new machine a backup brings accounts and homes back", async () => {
        await install("/packages/*.deb");
        await check("mv /root/backup.key /etc/sandbox-server; sandboxctl restore --dry-run /root/*.backup; sandboxctl restore /root/*.backup");
        await ready();
        assert.equal((await client.login("ada", PASSWORD)).status, 200);
        assert.equal(await check("cat /var/lib/sandbox-server/homes/*/kept"), "kept\n");
        (await watch(await client.startSandbox())).destroy();
        const rows = JSON.parse((await container.run("sandboxctl doctor --json")).out);
        for (const name of ["database", "backup key", "credentials", "secrets"]) assert.equal(rows.find((row) => row.check === name)?.state, "ok", JSON.stringify(rows));
    });
});
