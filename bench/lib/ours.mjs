// Our side: a private instance of the staged programs, one signed-in page, one sandbox.
import { rmSync } from "node:fs";
import { join } from "node:path";

import { framesPainted, painted, signIn, startDesktop } from "../../tests/harness/browser.mjs";
import { startServer } from "../../tests/harness/server.mjs";
import { until } from "../../tests/harness/until.mjs";
import { installProbe } from "./probe.mjs";

const PER_SESSION = { streamer: "sandbox-streamer", display: "Xvfb", windowManager: "openbox", panel: "tint2", init: "sandbox-init" };
const PER_NODE = { server: "sandbox-server", sandboxd: "sandboxd", supervisor: "sandbox-supervisor", database: "postgres" };

// Without the tests' proof that nothing is left, which another instance on the machine would disturb.
export async function stopServer(server) {
    server.child.kill("SIGTERM");
    await server.exited;
    rmSync(server.stateDir, { recursive: true, force: true });
}

export class Ours {
    name = "sandbox-server";

    static async start(browser, viewport) {
        const ours = new Ours();
        ours.server = await startServer();
        ours.port = ours.server.port;
        ours.client = await ours.server.adminClient();
        ours.home = join(ours.server.stateDir, "homes", (await ours.client.request("GET", "/api/users/me")).body.id);
        ours.page = await browser.newPage({ viewport });
        await ours.page.addInitScript(installProbe);
        await signIn(ours.page, ours.server.url, "admin", ours.server.adminPassword);
        return ours;
    }

    async openDesktop() {
        await startDesktop(this.page);
        await until("the panel", () => this.server.processes("tint2").length === 1);
    }

    async openTerminal() {
        await this.page.getByLabel("Desktop", { exact: true }).focus();
        await this.page.keyboard.press("Control+Alt+KeyT");
        await until("a terminal", () => this.server.processes("xterm").length === 1);
        await painted(this.page, (await framesPainted(this.page)) + 1);
    }

    // {role: [pid]} of what one session needs, and of what serves all of them.
    get session() {
        return this.#roles(PER_SESSION);
    }

    get node() {
        return this.#roles(PER_NODE);
    }

    #roles(names) {
        return Object.fromEntries(
            Object.entries(names).map(([role, name]) => [role, this.server.processes(name).map(({ pid }) => pid)]),
        );
    }

    // Ends every sandbox and goes back to the page that starts one.
    async stopDesktop() {
        await this.client.refresh(); // an access token does not live as long as a benchmark
        const { body } = await this.client.request("GET", "/api/sandboxes?state=active");
        for (const { id } of body.items) await this.client.request("DELETE", `/api/sandboxes/${id}`);
        await this.page.goto(this.server.url);
        await this.page.getByRole("button", { name: "Start desktop" }).first().waitFor();
    }

    async stop() {
        await this.page.close();
        await stopServer(this.server);
    }
}
