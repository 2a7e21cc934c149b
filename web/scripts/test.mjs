// Bundles tests/*.test.ts and runs them with node's own test runner.
import { build } from "esbuild";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const output = await mkdtemp(join(tmpdir(), "web-tests-"));

function run(files) {
    return new Promise((resolve, reject) => {
        const child = spawn(process.execPath, ["--test", ...files], { stdio: "inherit" });
        child.on("error", reject);
        child.on("exit", (code) => resolve(code ?? 1));
    });
}

try {
    const names = (await readdir(join(root, "tests"))).filter((name) => name.endsWith(".test.ts"));
    if (names.length === 0) {
        throw new Error("no tests found");
    }
    await build({
        absWorkingDir: root,
        entryPoints: names.map((name) => join("tests", name)),
        bundle: true,
        platform: "node",
        format: "esm",
        target: "node18",
        outdir: output,
        outExtension: { ".js": ".mjs" },
        sourcemap: "inline",
        logLevel: "warning",
    });
    process.exitCode = await run(names.map((name) => join(output, name.replace(/\.ts$/, ".mjs"))));
} finally {
    await rm(output, { recursive: true, force: true });
}
