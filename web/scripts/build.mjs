// Bundles src/ into dist/: index.html beside assets whose names carry their content's hash.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");

const common = {
    absWorkingDir: root,
    bundle: true,
    minify: true,
    target: ["es2022", "chrome110", "firefox130", "safari16.4"],
    outdir: dist,
    entryNames: "assets/[name]-[hash]",
    assetNames: "assets/[name]-[hash]",
    metafile: true,
    legalComments: "none",
    logLevel: "warning",
};

function outputOf(metafile, entryPoint) {
    for (const [path, output] of Object.entries(metafile.outputs)) {
        if (output.entryPoint === entryPoint) {
            return { path: join(root, path), css: output.cssBundle && join(root, output.cssBundle) };
        }
    }
    throw new Error(`no output for ${entryPoint}`);
}

function urlOf(path) {
    return "/" + relative(dist, path);
}

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });

// The audio worklet is a script of its own, which the page loads by its name.
const worklet = await build({ ...common, entryPoints: ["src/sound/worklet.ts"], format: "iife" });

const main = await build({
    ...common,
    define: { SOUND_WORKLET: JSON.stringify(urlOf(outputOf(worklet.metafile, "src/sound/worklet.ts").path)) },
    entryPoints: ["src/main.tsx"],
    format: "esm",
    jsx: "automatic",
    jsxImportSource: "preact",
});
// A classic script: it sets the theme before the first paint, which a module can't.
const theme = await build({ ...common, entryPoints: ["src/theme-early.ts"], format: "iife" });

const app = outputOf(main.metafile, "src/main.tsx");
const early = outputOf(theme.metafile, "src/theme-early.ts");
const html = (await readFile(join(root, "src/index.html"), "utf8"))
    .replace("%THEME%", urlOf(early.path))
    .replace("%STYLE%", urlOf(app.css))
    .replace("%MAIN%", urlOf(app.path));
await writeFile(join(dist, "index.html"), html);
await copyFile(join(root, "src/favicon.svg"), join(dist, "favicon.svg"));
