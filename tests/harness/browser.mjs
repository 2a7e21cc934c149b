// A headless Chromium, and the steps every end-to-end test begins with.
import { existsSync } from "node:fs";

import { chromium } from "playwright-core";

import { PATIENCE_MS } from "./until.mjs";

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

export async function launchBrowser(more = []) {
    if (!existsSync(EXECUTABLE)) throw new Error("Chromium is missing: run scripts/setup build run test");
    const browser = await chromium.launch({ executablePath: EXECUTABLE, args: [...ARGUMENTS, ...more] });
    const newContext = browser.newContext.bind(browser); // newPage() makes one as well
    browser.newContext = async (...options) => {
        const context = await newContext(...options);
        context.setDefaultTimeout(PATIENCE_MS);
        return context;
    };
    return browser;
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

// None while the page is between two connections.
export const framesPainted = (page) => page.evaluate(() => window.desktopStatistics?.framesPainted ?? 0);

const SHIFTED = /[A-Z~!@#$%^&*()_+{}|:"<>?]/;

// As on a US keyboard: with Shift where the character needs it.
export async function typeText(page, text) {
    for (const character of text) {
        const shift = SHIFTED.test(character);
        if (shift) await page.keyboard.down("Shift");
        await page.keyboard.press(character === "\n" ? "Enter" : character);
        if (shift) await page.keyboard.up("Shift");
    }
}

// The controls of the desktop page hide by themselves; a pointer over them or over their handle brings them back and keeps them.
export async function showControls(page) {
    await page.getByRole("toolbar", { name: "Controls" }).hover();
}

export async function control(page, name) {
    await showControls(page);
    await page.getByRole("button", { name, exact: true }).click();
}
