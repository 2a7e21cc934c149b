// Every codec that the browser decodes, on a real desktop: a film moves in it, and the picture ends equal to the X server's, to the bit.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";

import { launchBrowser, signIn, startDesktop } from "../harness/browser.mjs";
import { openTerminal, playFilm } from "../harness/desktop.mjs";
import { differingPixels, readCanvas, readFramebuffer } from "../harness/framebuffer.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

const [WIDTH, HEIGHT] = [1920, 1080];
const PATIENCE_MS = 60000; // of a slow encoder on a busy machine
const CODECS = [
    { VIDEO_CODEC: "libvpx-vp9", VIDEO_CHROMA: "420", string: "vp09.00.41", film: true },
    { VIDEO_CODEC: "libvpx-vp9", VIDEO_CHROMA: "444", string: "vp09.01.41" },
    { VIDEO_CODEC: "libx264", VIDEO_CHROMA: "444", string: "avc1.F4" },
    { VIDEO_CODEC: "libaom-av1", VIDEO_CHROMA: "420", string: "av01.0.09M", film: true },
];

let browser;
after(() => browser?.close());

// More than the first picture: what moves comes by the codec, frame after frame.
async function plays(page, server, exact) {
    const home = join(server.stateDir, "homes", (await (await server.adminClient()).request("GET", "/api/users/me")).body.id);
    await openTerminal(page, server);
    const stop = await playFilm(page, home);
    const corner = async () => (await readCanvas(page)).readUInt32LE(((HEIGHT - 400) * WIDTH + WIDTH - 400) * 4);
    const before = await corner();
    await until("another picture of the film on the canvas", async () => (await corner()) !== before, PATIENCE_MS);
    stop();
    await exact();
}

for (const { string, film, ...env } of CODECS) {
    test(`${env.VIDEO_CODEC} ${env.VIDEO_CHROMA}`, async (t) => {
        browser ??= await launchBrowser();
        const server = await startServer({ env });
        t.after(() => server.stop());
        const page = await browser.newPage({ viewport: { width: WIDTH, height: HEIGHT } });
        t.after(() => page.close());
        let codec = "";
        let refreshes = 0; // the browser sends one when its decoder has failed
        page.on("websocket", (socket) => {
            socket.on("framereceived", ({ payload }) => {
                if (payload[0] === 1) codec = payload.subarray(13, 13 + payload[12]).toString();
            });
            socket.on("framesent", ({ payload }) => {
                if (payload[0] === 0x8a) refreshes++;
            });
        });
        await signIn(page, server.url, "admin", server.adminPassword);
        await startDesktop(page);
        const exact = () => until("a canvas equal to the X server's screen", async () =>
            differingPixels(await readCanvas(page), readFramebuffer(server.process("Xvfb").pid, WIDTH, HEIGHT)) === 0,
        PATIENCE_MS);
        await exact();
        assert.ok(codec.startsWith(string), codec);
        if (film) await plays(page, server, exact);
        assert.equal(refreshes, 0);
        assert.equal(await page.evaluate(() => window.desktopStatistics.decoderFailures), 0);
    });
}
