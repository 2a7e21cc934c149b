// A program in a terminal whose screen can be read, resized and typed into: a tmux of its own.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { until } from "./until.mjs";

export class Terminal {
    // Starts bash, so that what a program leaves behind can be seen.
    constructor({ columns = 80, lines = 24, env = {} } = {}) {
        this.directory = mkdtempSync(join(tmpdir(), "sandbox-server-terminal-"));
        this.env = { PATH: process.env.PATH, LC_ALL: "C.UTF-8", TERM: "xterm-256color", ...env };
        const shell = ["bash", "--norc", "--noprofile"];
        this.#tmux("-f", "/dev/null", "new-session", "-d", "-x", String(columns), "-y", String(lines), ...shell);
        this.#tmux("set-option", "-g", "status", "off");
        this.#tmux("set-option", "-g", "window-size", "manual");
        this.resize(columns, lines);
    }

    #tmux(...argv) {
        return execFileSync("tmux", ["-S", join(this.directory, "socket"), ...argv], { env: this.env, encoding: "utf8" });
    }

    resize(columns, lines) {
        this.#tmux("resize-window", "-x", String(columns), "-y", String(lines));
    }

    // As tmux names keys: "q", "Up", "C-c".
    press(...keys) {
        this.#tmux("send-keys", ...keys);
    }

    type(line) {
        this.#tmux("send-keys", "-l", line);
        this.press("Enter");
    }

    // The lines that are seen, without blanks at their ends.
    screen() {
        return this.#tmux("capture-pane", "-p").replace(/\n$/, "").split("\n");
    }

    // Waits until the screen satisfies the condition; gives it.
    async shows(what, condition) {
        let screen;
        const matches = condition instanceof RegExp ? (lines) => condition.test(lines.join("\n")) : condition;
        await until(what, () => matches((screen = this.screen()))).catch((error) => {
            throw new Error(`${error.message}\n${screen.join("\n")}`);
        });
        return screen;
    }

    close() {
        this.#tmux("kill-server");
        rmSync(this.directory, { recursive: true, force: true });
    }
}
