// What tests do on a desktop that a page shows.
import { chmodSync, copyFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { typeText } from "./browser.mjs";
import { countColour, readCanvas } from "./framebuffer.mjs";
import { until } from "./until.mjs";

export const CURSOR_COLOUR = [0x88, 0xc0, 0xd0]; // cursorColor of sandbox/desktop/app-defaults/XTerm
const FILLED_CURSOR_PIXELS = 100; // its frame alone has about 50
const PATIENCE_MS = 60000; // of a slow encoder on a busy machine
const FILM = join(process.env.PROGRAMS ?? "", "libexec/sandbox-server/tests/moving_picture");

// A terminal more. What is typed before its window has the keyboard's focus is lost; with the focus its cursor is a filled block, without a frame.
export async function openTerminal(page, server) {
    const before = server.processes("xterm").length;
    await page.getByLabel("Desktop", { exact: true }).focus();
    await page.keyboard.press("Control+Alt+KeyT");
    await until("a terminal", () => server.processes("xterm").length > before);
    await until("a filled cursor", async () => countColour(await readCanvas(page), CURSOR_COLOUR) >= FILLED_CURSOR_PIXELS);
}

// Of a page's last message, if it was a video frame: its number.
const video = (page) => page.evaluate(() => (window.desktopStatistics?.lastFrame?.kind === "video" ? window.desktopStatistics.lastSequence : 0));

// In a terminal that has the focus: a film of 960 x 540 in the lower right corner, of which the page has got some pictures. Ended by what comes back.
export async function playFilm(page, home) {
    copyFileSync(FILM, join(home, "film"));
    chmodSync(join(home, "film"), 0o755);
    writeFileSync(join(home, "play"), "");
    await typeText(page, "./film &\n");
    const first = await until("video", () => video(page), PATIENCE_MS);
    await until("more of it", async () => (await video(page)) > first + 30, PATIENCE_MS);
    return () => rmSync(join(home, "play"));
}
