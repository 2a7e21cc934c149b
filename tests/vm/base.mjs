// The clean Debian that containers and virtual machines boot: {tree, disk, kernel, initramfs}.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));

export function makeBase() {
    const directory = execFileSync(join(HERE, "base"), { stdio: ["ignore", "pipe", "inherit"], encoding: "utf8" }).trim();
    return Object.fromEntries(["tree", "disk", "kernel", "initramfs"].map((name) => [name, join(directory, name)]));
}

// Why a test can't run here; false when it can. programs: those of the host that it needs.
export function skipWithout(programs) {
    if (process.getuid() !== 0) return "needs root";
    const inPath = (name) => process.env.PATH.split(delimiter).some((directory) => existsSync(join(directory, name)));
    const missing = programs.filter((name) => !inPath(name));
    return missing.length > 0 && `not installed: ${missing.join(", ")} (scripts/setup test)`;
}
