// A desktop through the edge as users have it: Chromium, TLS, HTTP/2 from the page to the stream's WebSocket (RFC 8441), HAProxy as
// sandboxctl haproxy-config sets it up.
import assert from "node:assert/strict";
import { X509Certificate, createHash } from "node:crypto";
import { after, before, test } from "node:test";

import { framesPainted, launchBrowser, painted, signIn, startDesktop } from "../harness/browser.mjs";
import { differingPixels, readCanvas, readFramebuffer } from "../harness/framebuffer.mjs";
import { HAProxy } from "../harness/haproxy.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const SIZE = { width: 1024, height: 640 };
const skip = process.getuid() === 0 ? false : "HAProxy changes its user, which takes root";

let server, edge, browser, page;

// The certificate signs itself: this browser takes that one key, and no other error of TLS.
const fingerprint = (pem) => createHash("sha256").update(new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" })).digest("base64");

before(async () => {
    if (skip) return;
    server = await startServer({ env: { TRUSTED_PROXIES: "127.0.0.1" } });
    edge = await HAProxy.start({ local: server.port });
    browser = await launchBrowser([`--ignore-certificate-errors-spki-list=${fingerprint(edge.ca)}`]);
    page = await browser.newPage({ viewport: SIZE });
});

after(async () => {
    await browser?.close();
    await edge?.stop();
    await server?.stop();
});

const canvasEqualsScreen = () =>
    until(
        "a canvas equal to the X server's screen",
        async () => differingPixels(await readCanvas(page), readFramebuffer(server.process("Xvfb").pid, SIZE.width, SIZE.height)) === 0,
    );

test("a browser that does not know the certificate goes no further", { skip }, async () => {
    const stranger = await launchBrowser();
    const other = await stranger.newPage();
    await assert.rejects(other.goto(edge.url), /ERR_CERT_AUTHORITY_INVALID/);
    await stranger.close();
});

test("the desktop is painted through HTTP/2, pixel for pixel, and takes input", { skip }, async () => {
    const sockets = [];
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Network.enable");
    devtools.on("Network.webSocketHandshakeResponseReceived", ({ response }) => sockets.push(response.status));
    await signIn(page, edge.url, "admin", server.adminPassword);
    assert.equal(await page.evaluate(() => performance.getEntriesByType("navigation")[0].nextHopProtocol), "h2");
    await startDesktop(page);
    assert.deepEqual(sockets, [200], "an extended CONNECT is answered by 200, an upgrade by 101");
    await canvasEqualsScreen();

    // The menu of the desktop.
    const before = await readCanvas(page);
    const box = await page.getByLabel("Desktop", { exact: true }).boundingBox();
    await page.mouse.click(box.x + box.width * 0.9, box.y + box.height * 0.5, { button: "right" });
    await until("the menu", async () => differingPixels(before, await readCanvas(page)) > 1000);
    await canvasEqualsScreen();
});

test("a reload of HAProxy leaves the stream, and the next one comes through the new process", { skip }, async () => {
    const shown = await framesPainted(page);
    await edge.reload();
    await page.keyboard.press("Escape"); // the menu goes
    await painted(page, shown + 1);
    await canvasEqualsScreen();
    await page.reload();
    await painted(page, 1);
    await canvasEqualsScreen();
    await page.close();
    await until("both in the log", () => [...edge.log.matchAll(/\/ws\/local\/sandboxes\/[0-9a-f-]+\/desktop HTTP\/2/g)].length >= 2);
    assert.doesNotMatch(edge.log, /ticket=/);
});
