// The Debian packages of this tree, and a newer build of them.
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PROJECT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const NAMES = ["sandboxctl", "sandbox-server"];

export const PACKAGES = process.env.PACKAGES ?? join(PROJECT, "build/package");

export const builtPackages = () => (existsSync(PACKAGES) ? readdirSync(PACKAGES).filter((name) => name.endsWith(".deb")) : []);

// Unpacked, changed and packed again: `change` gets the directory of sandbox-server's files. Gives the new version.
export function makeNewer(suffix, directory, change) {
    const version = execFileSync("dpkg-deb", ["--field", join(PACKAGES, builtPackages()[0]), "Version"], { encoding: "utf8" }).trim() + suffix;
    mkdirSync(directory, { recursive: true });
    for (const name of NAMES) {
        const built = builtPackages().find((file) => file.startsWith(`${name}_`));
        const tree = join(directory, name);
        execFileSync("dpkg-deb", ["--raw-extract", join(PACKAGES, built), tree]);
        const control = join(tree, "DEBIAN/control");
        const text = readFileSync(control, "utf8");
        writeFileSync(control, text.replace(/^Version: .*$/m, `Version: ${version}`).replace(/sandboxctl \(= [^)]*\)/, `sandboxctl (= ${version})`));
        if (name === "sandbox-server") change(tree);
        execFileSync("dpkg-deb", ["--root-owner-group", "-Znone", "--build", tree, join(directory, `${name}.deb`)]);
        rmSync(tree, { recursive: true });
    }
    return version;
}

// A program of another build that does the same.
export const changeProgram = (name) => (tree) => appendFileSync(join(tree, "usr/lib/sandbox-server/bin", name), "\0");
