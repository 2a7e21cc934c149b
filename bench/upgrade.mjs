// What an upgrade costs those who watch: a clean Debian in a container, the packages, HAProxy with TLS and a browser before it. A newer build is installed
// while the desktop is shown; measured is from the end of its WebSocket until the next one is open, and until the next picture is painted. Then the same by
// restarts of sandbox-server alone. Needs root and the packages of this tree: scripts/bench makes them.
import { X509Certificate, createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { framesPainted, launchBrowser, painted, signIn, startDesktop } from "../tests/harness/browser.mjs";
import { HOST } from "../tests/harness/haproxy.mjs";
import { until } from "../tests/harness/until.mjs";
import { openRelay, setUpEdge } from "../tests/vm/edge.mjs";
import { boot } from "../tests/vm/nspawn.mjs";
import { PACKAGES, changeProgram, makeNewer } from "../tests/vm/packages.mjs";
import { option, report } from "./lib/report.mjs";
import { median } from "./lib/statistics.mjs";

const PASSWORD = "correct horse battery";
const NODE_PORT = 8080;
const STEADY_MS = 1500; // the page pauses longer and longer after connections that lasted less than a second (web/DESIGN.md)
const rounds = option("rounds", 5);

const fingerprint = (pem) => createHash("sha256").update(new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" })).digest("base64");

// What the page's WebSockets did, by the browser's own clock, in ms.
async function followSockets(page) {
    const events = { closed: [], opened: [] };
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Network.enable");
    devtools.on("Network.webSocketClosed", ({ timestamp }) => events.closed.push(timestamp * 1000));
    devtools.on("Network.webSocketHandshakeResponseReceived", ({ timestamp, response }) => response.status < 300 && events.opened.push(timestamp * 1000));
    return events;
}

async function measure(page, events, act) {
    await page.waitForTimeout(STEADY_MS);
    const [closed, opened] = [events.closed.length, events.opened.length];
    const shown = await framesPainted(page);
    const done = act();
    await until("the end of the WebSocket", () => events.closed.length > closed, 60000);
    const end = performance.now();
    await until("the next one", () => events.opened.length > opened, 60000);
    await painted(page, shown + 1);
    const picture = performance.now() - end;
    await done;
    return { socket: events.opened.at(-1) - events.closed[closed], picture };
}

async function install(container) {
    await container.check("mount -t proc proc /proc");
    await container.check(`rm /etc/postgresql-common/createcluster.d/no-cluster.conf; pg_createcluster --start 15 main
        mkdir -p /etc/systemd/system/sandboxd.service.d
        printf '[Service]\\nEnvironment=SANDBOX_LAYERS_REQUIRED=host_uid,resource_limits,seccomp,egress\\n' >/etc/systemd/system/sandboxd.service.d/test.conf
        DEBIAN_FRONTEND=noninteractive dpkg --install /packages/*.deb
        echo '${PASSWORD}' | create-user --username ada --password-stdin --role admin`);
}

const directory = mkdtempSync(join(tmpdir(), "sandbox-server-upgrade-"));
const container = await boot({ binds: { [directory]: "/newer" }, readOnlyBinds: { [PACKAGES]: "/packages" }, options: ["--system-call-filter=@keyring @sandbox"] });
let browser, relay;
const times = { upgrade: [], restart: [] };
let sandboxes;
try {
    await install(container);
    const ca = await setUpEdge(container, NODE_PORT);
    relay = await openRelay(container, 443, directory);
    browser = await launchBrowser([`--ignore-certificate-errors-spki-list=${fingerprint(ca)}`]);
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const events = await followSockets(page);
    await until("the edge", () => page.goto(`https://${HOST}:${relay.port}`).then((answer) => answer.ok(), () => false), 30000);
    await signIn(page, `https://${HOST}:${relay.port}`, "ada", PASSWORD);
    await startDesktop(page);
    for (let i = 0; i < rounds; i++) {
        makeNewer(`+newer${i}`, join(directory, String(i)), changeProgram("sandbox-keymap"));
        times.upgrade.push(await measure(page, events, () => container.check(`DEBIAN_FRONTEND=noninteractive dpkg --install /newer/${i}/*.deb`)));
        times.restart.push(await measure(page, events, () => container.check("systemctl restart sandbox-server")));
    }
    sandboxes = JSON.parse(await container.check("sandboxctl sandbox list --all --json"));
} finally {
    await browser?.close();
    relay?.close();
    await container.destroy();
    rmSync(directory, { recursive: true, force: true });
}
const rows = Object.entries(times).map(([what, list]) => {
    const of = (key) => list.map((one) => one[key]);
    return { what, "WebSocket back, median ms": median(of("socket")), "worst ms": Math.max(...of("socket")), "picture, median ms": median(of("picture")), "worst picture ms": Math.max(...of("picture")) };
});
const lost = sandboxes.filter(({ state }) => state !== "running").length;
report("upgrade", rows, [`${rounds} rounds; ${sandboxes.length} sandbox, ${lost} lost; through HAProxy, TLS and HTTP/2`]);
