// Parked sandboxes: what a claim costs beside posix_spawn and a cold start, and what one costs while it waits. Run as root.
//
// usage: node bench/parked.mjs [--n ROUNDS] [--build DIRECTORY]
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";

import { option } from "./lib/report.mjs";

const at = process.argv.indexOf("--build");
const build = resolve(at < 0 ? "build/checked" : process.argv[at + 1]);
const rounds = String(option("n", 300));
console.log("## parked\n");
execFileSync("tests/harness/with-programs", [`${build}/stage`, `${build}/tests/scenario/sandboxd/parked`, rounds], { stdio: "inherit" });
execFileSync(`${build}/tests/scenario/sandboxd/parked_rates`, [], { stdio: "inherit" });
