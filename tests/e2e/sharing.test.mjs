// An owner shows a desktop to someone without an account, lets them act, takes it back, and ends it.
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { control, framesPainted, launchBrowser, painted, showControls, signIn, startDesktop, typeText } from "../harness/browser.mjs";
import { startServer } from "../harness/server.mjs";
import { until } from "../harness/until.mjs";

let server;
let browser;
let page;
let guest;
const asked = [];

before(async () => {
    server = await startServer();
    browser = await launchBrowser();
    page = await browser.newPage({ viewport: { width: 1366, height: 768 } });
    guest = await (await browser.newContext({ viewport: { width: 1280, height: 720 } })).newPage();
    guest.on("request", (request) => asked.push([request.url(), request.headers().referer ?? ""].join(" ")));
});

after(async () => {
    await browser?.close();
    if (process.env.SHOW_LOG) console.log(server?.log);
    await server?.stop();
});

const shot = async (who, name) => process.env.SHOTS && who.screenshot({ path: `${process.env.SHOTS}/${name}.png` });
const dialog = () => page.getByRole("dialog");
const terminals = () => server.processes("xterm").length;

async function openDialog() {
    await control(page, /^Share\./);
    await dialog().waitFor();
}

async function pressTerminalKeys() {
    await guest.getByLabel("Desktop", { exact: true }).click();
    await guest.keyboard.press("Control+Alt+KeyT");
}

let link;

test("a link is made and shown once", async () => {
    await signIn(page, server.url, "admin", server.adminPassword);
    await startDesktop(page);
    await openDialog();
    await dialog().getByLabel("For whom").fill("Ann");
    await dialog().getByRole("button", { name: "Create link" }).click();
    link = await dialog().getByLabel("Whoever has this link").inputValue();
    assert.match(link, /\/share#[\w-]{43}$/);
    await shot(page, "share-dialog");
});

test("it opens without an account, and offers nothing that may not be done", async () => {
    await guest.goto(link);
    await painted(guest, 1);
    await showControls(guest);
    await guest.getByText("View only").waitFor();
    await shot(guest, "guest-view");
    for (const name of ["Send keys", "Stop desktop", /^Share/]) assert.equal(await guest.getByRole("button", { name }).count(), 0, `${name}`);
    assert.ok(await guest.getByLabel("Keyboard of the desktop").isDisabled());
    const before = terminals();
    const connected = await guest.evaluate(() => window.desktopStatistics.connectionState);
    await pressTerminalKeys();
    await guest.mouse.wheel(0, 100);
    assert.equal(connected, "open");
    assert.equal(await guest.evaluate(() => window.desktopStatistics.connectionState), "open", "its page sent what it may not");
    assert.equal(terminals(), before);
});

test("control is given and taken while both look at it", async () => {
    const row = dialog().getByRole("list", { name: "Watching now" }).getByRole("listitem").filter({ hasText: "Ann" });
    await shot(page, "share-watching");
    if (process.env.SHOTS) {
        await page.emulateMedia({ colorScheme: "dark" });
        await shot(page, "share-watching-dark");
        await page.setViewportSize({ width: 390, height: 844 });
        await shot(page, "share-phone-dark");
        await page.emulateMedia({ colorScheme: "light" });
        await shot(page, "share-phone");
        await page.setViewportSize({ width: 1366, height: 768 });
    }
    const before = terminals();
    const frames = await framesPainted(guest);
    await row.getByRole("button", { name: "Give control" }).click();
    await guest.getByRole("button", { name: "Send keys" }).waitFor({ state: "attached" });
    await painted(guest, frames + 1); // the streamer that takes input
    await pressTerminalKeys();
    await until("the guest's terminal", () => terminals() === before + 1);
    await row.getByRole("button", { name: "Take control" }).click();
    await guest.getByRole("button", { name: "Send keys" }).waitFor({ state: "detached" });
    await pressTerminalKeys();
    assert.equal(await guest.evaluate(() => window.desktopStatistics.connectionState), "open");
    assert.equal(terminals(), before + 1);
});

test("the owner's keys show at the guest's", async () => {
    await dialog().getByRole("button", { name: "Close" }).click();
    await page.getByLabel("Desktop", { exact: true }).focus();
    const before = await framesPainted(guest);
    await page.keyboard.press("Control+Alt+KeyT");
    await painted(guest, before + 1);
    await showControls(page);
    await page.getByRole("button", { name: "Share. 2 are watching" }).waitFor();
    await shot(page, "share-toolbar");
});

// The hot spot of the pointer that a page draws, in pixels of the desktop, but for what lies between it and the picture's corner.
async function drawnPointer(who) {
    const pointer = await who.locator(".desktop-cursor").boundingBox();
    const box = await who.getByLabel("Desktop", { exact: true }).boundingBox();
    const width = await who.getByLabel("Desktop", { exact: true }).evaluate((canvas) => canvas.width);
    return pointer && [pointer.x - box.x, pointer.y - box.y].map((value) => (value * width) / box.width);
}

async function pointerMoves(who, from, [x, y]) {
    let now;
    await until(`the pointer ${x}, ${y} from ${from}`, async () => {
        now = await drawnPointer(who);
        return now && Math.abs(now[0] - from[0] - x) < 1 && Math.abs(now[1] - from[1] - y) < 1;
    }).catch((error) => {
        throw new Error(`${error.message}: ${now}`);
    });
}

test("who watches sees the pointer where it is, whoever moves it", async () => {
    const box = await page.getByLabel("Desktop", { exact: true }).boundingBox();
    const width = await page.getByLabel("Desktop", { exact: true }).evaluate((canvas) => canvas.width);
    const point = (x, y) => page.mouse.move(box.x + ((x + 0.5) * box.width) / width, box.y + ((y + 0.5) * box.width) / width);
    // Over the background, so that it keeps its shape.
    await point(5, 500);
    await guest.mouse.move(300, 300); // moves nothing
    await guest.locator(".desktop-cursor").waitFor({ state: "visible" });
    let before;
    await until("a pointer that rests", async () => {
        const [last, now] = [before, await drawnPointer(guest)];
        before = now;
        return last && now && last[0] === now[0] && last[1] === now[1];
    });
    await point(15, 530);
    await pointerMoves(guest, before, [10, 30]);
    assert.ok(!(await page.locator(".desktop-cursor").isVisible()), "who moves it has one of the browser's own");
    // A program, as an agent's: to who may act it is shown too, until he moves it himself.
    const home = join(server.stateDir, "homes", (await (await server.adminClient()).request("GET", "/api/users/me")).body.id);
    copyFileSync(new URL("steer.py", import.meta.url), join(home, "steer.py"));
    await typeText(page, "python3 steer.py 7 560\n");
    await pointerMoves(guest, before, [2, 60]);
    await page.locator(".desktop-cursor").waitFor({ state: "visible" });
    const own = await drawnPointer(page);
    await typeText(page, "python3 steer.py 9 540\n");
    await pointerMoves(page, own, [2, -20]);
    await pointerMoves(guest, before, [4, 40]);
    await shot(page, "pointer-elsewhere");
    await shot(guest, "pointer-guest");
    await point(5, 500);
    await page.locator(".desktop-cursor").waitFor({ state: "hidden" });
    await pointerMoves(guest, before, [0, 0]);
});

test("the owner ends a view, and sees it gone", async () => {
    await openDialog();
    const row = dialog().getByRole("list", { name: "Watching now" }).getByRole("listitem").filter({ hasText: "Ann" });
    await row.getByRole("button", { name: "End the view of Ann" }).click();
    await guest.getByRole("alert").filter({ hasText: "owner" }).waitFor();
    await shot(guest, "guest-view-ended");
    await row.waitFor({ state: "detached" });
    await guest.getByRole("button", { name: "Try again" }).click(); // the link is still good
    await row.waitFor();
    await dialog().getByRole("button", { name: "Close" }).click();
});

test("revoked, it is over at once and for good", async () => {
    await openDialog();
    await dialog().getByRole("button", { name: "Revoke Ann" }).click();
    await guest.getByText("This link has ended").waitFor();
    await shot(guest, "guest-ended");
    await guest.reload();
    await guest.getByText("This link does not work").waitFor();
    const token = link.split("#")[1];
    assert.ok(asked.length > 5);
    assert.ok(!asked.some((line) => line.includes(token)), "the token left the fragment");
    assert.ok(!server.log.includes(token));
});
