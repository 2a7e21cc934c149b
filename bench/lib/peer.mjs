// A desktop without a sandbox, for a program to be compared with: the same window manager, panel, background, terminal and size, a page that
// watches it, and the probe in that page.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { processTree } from "../../tests/harness/processes.mjs";
import { installProbe } from "./probe.mjs";

const NOVNC_BAR = 25; // pixels above the canvas, on which the picture would be scaled or cut
const DESKTOP = join(process.env.PROGRAMS, "share/sandbox-server/desktop");
export const now = () => performance.timeOrigin + performance.now();

// An X server writes its display number to -displayfd once it accepts clients.
export async function displayNumber(child) {
    let text = "";
    for await (const chunk of child.stdio[3]) {
        text += chunk;
        if (text.includes("\n")) return Number(text);
    }
    throw new Error(`${child.spawnfile} ended before it was ready`);
}

// Resolves when the program has said it, and goes on reading: a full pipe would stop the program.
export function lineOf(stream, pattern) {
    let text = "";
    return new Promise((resolve, reject) => {
        stream.on("data", (chunk) => {
            if (text !== null && pattern.test((text += chunk))) resolve((text = null));
        });
        stream.on("end", () => reject(new Error(`ended before it said ${pattern}: ${text}`)));
    });
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

// A benchmark that fails in the middle leaves nothing running.
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill()));

export class Peer {
    children = [];
    marks = {}; // ms from the first spawn
    roots = {}; // {role: pid}: what is below them belongs to the role
    node = {}; // nothing serves several sessions
    bar = 0;
    probe = {}; // what the probe has to know of the page

    constructor(name) {
        this.name = name;
        this.startedAt = now();
        this.home = mkdtempSync(join(tmpdir(), "bench-peer-"));
    }

    // The X server, which tells its number, and this process's programs on it.
    async startDesktop(command, words) {
        const server = this.spawn(command, ["-displayfd", "3", ...words], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
        this.display = await displayNumber(server);
        this.environment = desktopEnvironment(this.display, this.home);
        this.roots.display = server.pid;
        this.marks.display = now() - this.startedAt;
    }

    startPrograms() {
        const env = this.environment;
        this.roots.windowManager = this.spawn("openbox", [], { env }).pid;
        this.roots.panel = this.spawn("tint2", ["-c", `${DESKTOP}/tint2rc`], { env }).pid;
        this.spawn("sh", [`${DESKTOP}/background`], { env });
    }

    // websockify on this.port, with noVNC's files; resolves when it listens.
    startWebsockify(vncPort) {
        const words = ["--web", "/usr/share/novnc", `127.0.0.1:${this.port}`, `127.0.0.1:${vncPort}`];
        const proxy = this.spawn("websockify", words, { stdio: ["ignore", "pipe", "pipe"] });
        this.roots.proxy = proxy.pid;
        this.path = (port) => `/vnc_lite.html?host=127.0.0.1&port=${port}`; // without scale: any value turns it on
        this.bar = NOVNC_BAR;
        return Promise.any([lineOf(proxy.stderr, /proxying/), lineOf(proxy.stdout, /proxying/)]);
    }

    // The client's page, from its navigation to its first picture.
    async openPage(browser, viewport) {
        this.page = await browser.newPage({ viewport: { ...viewport, height: viewport.height + this.bar } });
        await this.page.addInitScript(installProbe, this.probe);
        const opened = now();
        await this.page.goto(`http://127.0.0.1:${this.port}${this.path(this.port)}`, { waitUntil: "commit" });
        await this.page.waitForFunction(() => window.probe?.marks.content !== undefined);
        this.marks.page = opened - this.startedAt;
    }

    async openTerminal() {
        await this.page.locator("canvas").first().focus();
        const draws = await this.page.evaluate(() => window.probe.counters.draws);
        this.spawn("xterm", [], { env: this.environment, cwd: this.home });
        await this.page.waitForFunction((least) => window.probe.counters.draws > least, draws);
    }

    get session() {
        return Object.fromEntries(Object.entries(this.roots).map(([role, root]) => [role, processTree(root).map(({ pid }) => pid)]));
    }

    spawn(command, args, options) {
        const child = spawn(command, args, { stdio: "ignore", ...options });
        this.children.push(child);
        running.add(child);
        child.once("exit", () => running.delete(child));
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
