// The sides at once, each with a desktop, a viewer and a terminal that has the keyboard's focus.
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";

import { typeText } from "../../tests/harness/browser.mjs";
import { until } from "../../tests/harness/until.mjs";
import { Ours } from "./ours.mjs";
import { option } from "./report.mjs";
import { Tigervnc } from "./tigervnc.mjs";
import { X11vnc } from "./x11vnc.mjs";
import { Xpra } from "./xpra.mjs";

export const SIZE = { width: 1920, height: 1080 };
const PROGRAMS = ["scroll.pl", "scenes.pl"];

export async function openOurs(browser) {
    const ours = await Ours.start(browser, SIZE);
    await ours.openDesktop();
    return ours;
}

async function openPeer(kind, browser) {
    const peer = await kind.start(SIZE);
    await peer.openPage(browser, SIZE);
    return peer;
}

const PEERS = [Tigervnc, X11vnc, Xpra].slice(0, option("peers", 3));

// How each side is opened, ours first.
export const OPENERS = [openOurs, ...PEERS.map((kind) => (browser) => openPeer(kind, browser))];

// A terminal whose shell answers, with the programs that draw in its directory.
export async function openTerminal(side) {
    for (const name of PROGRAMS) copyFileSync(new URL(`../${name}`, import.meta.url).pathname, join(side.home, name));
    await side.page.bringToFront();
    await side.openTerminal();
    await until("a shell that answers", async () => {
        await typeText(side.page, "touch ready\n");
        await side.page.waitForTimeout(200);
        return existsSync(join(side.home, "ready"));
    });
}

export async function openAll(browser) {
    const sides = [];
    const stop = async () => {
        for (const side of sides) await side.stop();
    };
    try {
        for (const open of OPENERS) {
            sides.push(await open(browser));
            await openTerminal(sides.at(-1));
        }
    } catch (error) {
        await stop();
        throw error;
    }
    return { sides, stop };
}
