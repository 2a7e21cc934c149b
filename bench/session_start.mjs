// From the click on "Start desktop" to the first painted frame and to a painted background: cold, nothing is kept ready.
// The peer: from the spawn of its programs, which its user has to wait for in the same way.
import { launchBrowser } from "../tests/harness/browser.mjs";
import { Ours } from "./lib/ours.mjs";
import { option, report } from "./lib/report.mjs";
import { summary } from "./lib/statistics.mjs";
import { Tigervnc } from "./lib/tigervnc.mjs";

const SIZE = { width: 1920, height: 1080 };
const n = option("n", 20);

// ms since the beginning, by step.
async function startOurs(ours) {
    await ours.page.getByRole("button", { name: "Start desktop" }).first().click();
    const marks = await ours.page.waitForFunction(() => window.probe.marks.content && window.probe.marks).then((handle) => handle.jsonValue());
    await ours.stopDesktop();
    return {
        "POST answered (sandbox ready)": marks.post,
        "ticket answered": marks.ticket,
        "WebSocket open": marks.open,
        "first frame arrived": marks.frame,
        "first frame painted": marks.draw,
        "background painted": marks.content,
    };
}

async function startPeer(browser) {
    const peer = await Tigervnc.start(SIZE);
    try {
        await peer.openPage(browser, SIZE);
        const { marks, origin } = await peer.page.evaluate(() => ({ marks: window.probe.marks, origin: performance.timeOrigin }));
        const since = origin - peer.startedAt; // the page's marks begin with its navigation
        return {
            "X server accepts": peer.marks.display,
            "all programs started": peer.marks.proxy,
            "page navigates": since,
            "WebSocket open": since + marks.open,
            "first frame painted": since + marks.draw,
            "background painted": since + marks.content,
        };
    } finally {
        await peer.stop();
    }
}

const rowsOf = (name, samples) =>
    Object.keys(samples[0]).map((step) => ({ side: name, "ms until": step, ...summary(samples.map((sample) => sample[step])) }));

const browser = await launchBrowser();
const ours = await Ours.start(browser, SIZE);
const samples = { ours: [], peer: [] };
try {
    for (let i = 0; i < n; i++) {
        samples.ours.push(await startOurs(ours));
        samples.peer.push(await startPeer(browser));
    }
} finally {
    await ours.stop();
    await browser.close();
}
const first = (side) => summary(samples[side].map((sample) => sample["first frame painted"]));
report(
    "session_start",
    [...rowsOf("sandbox-server", samples.ours), ...rowsOf("TigerVNC + websockify + noVNC", samples.peer)],
    [
        `first frame painted, ours / peer: p50 ${(first("ours").p50 / first("peer").p50).toFixed(2)}, p95 ${(first("ours").p95 / first("peer").p95).toFixed(2)}`,
        "ours includes building the sandbox, and its page is loaded already; the peer has no sandbox, and its page is loaded within the time",
    ],
);
