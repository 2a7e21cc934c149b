// A headless Chromium, and the steps every end-to-end test begins with.
import { existsSync } from "node:fs";

import { chromium } from "playwright-core";

const EXECUTABLE = "/usr/bin/chromium";
const ARGUMENTS = [
    "--no-sandbox", // Chromium's own sandbox refuses to work for root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

export async function launchBrowser() {
    if (!existsSync(EXECUTABLE)) throw new Error("Chromium is missing: run scripts/setup build run test");
    return chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS });
}

export async function signIn(page, url, username, password) {
    await page.goto(url);
    await page.getByLabel("Username").fill(username);
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Start desktop" }).first().waitFor();
}

// From the home page to a painted desktop.
export async function startDesktop(page) {
    await page.getByRole("button", { name: "Start desktop" }).first().click();
    await page.getByLabel("Desktop", { exact: true }).waitFor();
    await painted(page, 1);
}

export async function painted(page, count) {
    await page.waitForFunction((least) => window.desktopStatistics?.framesPainted >= least, count);
}

export const framesPainted = (page) => page.evaluate(() => window.desktopStatistics.framesPainted);

// The keymap is the sandbox's: characters that need Shift are typed with it, by their place on a US keyboard.
const SHIFTED = { ">": ".", "<": ",", "~": "`", "|": "\\", '"': "'", "$": "4", "(": "9", ")": "0", "&": "7", "*": "8", "_": "-", "+": "=", ":": ";", "?": "/", "!": "1", "#": "3", "@": "2", "%": "5", "^": "6", "{": "[", "}": "]" };

export async function typeText(page, text) {
    for (const character of text) {
        const base = SHIFTED[character] ?? (/[A-Z]/.test(character) ? character.toLowerCase() : null);
        if (base) await page.keyboard.down("Shift");
        await page.keyboard.press(character === "\n" ? "Enter" : base ?? character);
        if (base) await page.keyboard.up("Shift");
    }
}

// The controls of the desktop page hide by themselves; a pointer over their handle brings them back.
export async function control(page, name) {
    await page.getByRole("toolbar", { name: "Controls" }).hover();
    await page.getByRole("button", { name, exact: true }).click();
}
