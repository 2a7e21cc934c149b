// The peer: TigerVNC's X server, websockify and noVNC from Debian, with the same window manager, panel, background, terminal and size.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { processTree } from "../../tests/harness/processes.mjs";
import { freePort } from "../../tests/harness/server.mjs";
import { installProbe } from "./probe.mjs";

const DESKTOP = join(process.env.PROGRAMS, "share/sandbox-server/desktop");
const now = () => performance.timeOrigin + performance.now();

// An X server writes its display number to -displayfd once it accepts clients.
export async function displayNumber(child) {
    let text = "";
    for await (const chunk of child.stdio[3]) {
        text += chunk;
        if (text.includes("\n")) return Number(text);
    }
    throw new Error(`${child.spawnfile} ended before it was ready`);
}

async function lineOf(stream, pattern) {
    let text = "";
    for await (const chunk of stream) {
        text += chunk;
        if (pattern.test(text)) return;
    }
    throw new Error(`ended before it said ${pattern}: ${text}`);
}

// What the programs of a desktop outside of a sandbox need to look as they do inside.
export function desktopEnvironment(display, home) {
    return {
        PATH: process.env.PATH,
        LANG: "C.UTF-8",
        DISPLAY: `:${display}`,
        HOME: home,
        XDG_CONFIG_DIRS: `${DESKTOP}/xdg:/etc/xdg`,
        XDG_DATA_DIRS: `${DESKTOP}/share:/usr/local/share:/usr/share`,
        XAPPLRESDIR: `${DESKTOP}/app-defaults`,
    };
}

export class Tigervnc {
    name = "TigerVNC + websockify + noVNC";
    children = [];
    marks = {}; // ms from the first spawn

    // Starts everything but the page.
    static async start({ width, height }) {
        const peer = new Tigervnc();
        peer.startedAt = now();
        peer.home = mkdtempSync(join(tmpdir(), "bench-vnc-"));
        const vncPort = await freePort();
        peer.port = await freePort();
        const proxy = peer.#spawn("websockify", ["--web", "/usr/share/novnc", `127.0.0.1:${peer.port}`, `127.0.0.1:${vncPort}`], {
            stdio: ["ignore", "pipe", "pipe"],
        });
        const proxyReady = Promise.any([lineOf(proxy.stderr, /proxying/), lineOf(proxy.stdout, /proxying/)]);
        const xvnc = peer.#spawn(
            "Xvnc",
            ["-displayfd", "3", "-geometry", `${width}x${height}`, "-depth", "24", "-SecurityTypes", "None", "-localhost",
                "-rfbport", String(vncPort), "-AlwaysShared"],
            { stdio: ["ignore", "ignore", "ignore", "pipe"] },
        );
        const environment = desktopEnvironment(await displayNumber(xvnc), peer.home);
        peer.marks.display = now() - peer.startedAt;
        peer.environment = environment;
        const windowManager = peer.#spawn("openbox", [], { env: environment });
        const panel = peer.#spawn("tint2", ["-c", `${DESKTOP}/tint2rc`], { env: environment });
        peer.#spawn("sh", [`${DESKTOP}/background`], { env: environment });
        await proxyReady;
        peer.marks.proxy = now() - peer.startedAt;
        peer.roots = { display: xvnc.pid, windowManager: windowManager.pid, panel: panel.pid, proxy: proxy.pid };
        return peer;
    }

    // The client's page, from its navigation to its first picture.
    async openPage(browser, viewport) {
        this.page = await browser.newPage({ viewport });
        await this.page.addInitScript(installProbe);
        const opened = now();
        await this.page.goto(`http://127.0.0.1:${this.port}/vnc_lite.html?host=127.0.0.1&port=${this.port}&scale=false`, { waitUntil: "commit" });
        await this.page.waitForFunction(() => window.probe?.marks.content !== undefined);
        this.marks.page = opened - this.startedAt;
    }

    async openTerminal() {
        await this.page.locator("canvas").first().focus();
        const draws = await this.page.evaluate(() => window.probe.counters.draws);
        this.#spawn("xterm", [], { env: this.environment, cwd: this.home });
        await this.page.waitForFunction((least) => window.probe.counters.draws > least, draws);
    }

    get session() {
        return Object.fromEntries(
            Object.entries(this.roots).map(([role, root]) => [role, processTree(root).map(({ pid }) => pid)]),
        );
    }

    #spawn(command, args, options) {
        const child = spawn(command, args, { stdio: "ignore", ...options });
        this.children.push(child);
        return child;
    }

    async stop() {
        await this.page?.close();
        const running = this.children.filter((child) => child.exitCode === null && child.signalCode === null);
        const ended = running.map((child) => once(child, "exit"));
        for (const child of running) child.kill();
        await Promise.all(ended);
        rmSync(this.home, { recursive: true, force: true });
    }
}
