// One table in Markdown, or with --json one object: what every benchmark prints.
import { cpus } from "node:os";

import { loadAverage } from "./processes.mjs";

const LOAD_AT_START = loadAverage();

// scripts/bench ends what takes too long: what was started is ended with it.
process.once("SIGTERM", () => process.exit(1));

const round = (value) => {
    if (typeof value !== "number" || Number.isInteger(value)) return value;
    return Math.abs(value) < 1 ? Number(value.toPrecision(2)) : Math.round(value * 10) / 10;
};

// rows: objects; the columns are their keys, in the order in which they first appear.
export function report(name, rows, notes = []) {
    const load = { start: LOAD_AT_START, end: loadAverage() };
    if (process.argv.includes("--json")) {
        console.log(JSON.stringify({ name, processors: cpus().length, load, rows, notes }));
        return;
    }
    const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const cells = [columns, ...rows.map((row) => columns.map((column) => String(round(row[column] ?? ""))))];
    const widths = columns.map((_, i) => Math.max(3, ...cells.map((line) => line[i].length)));
    const line = (words) => `| ${words.map((word, i) => word.padEnd(widths[i])).join(" | ")} |`;
    console.log(`\n${name}  (${cpus().length} processors, load ${load.start} at the start, ${load.end} at the end)\n`);
    console.log(line(cells[0]));
    console.log(`|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`);
    for (const words of cells.slice(1)) console.log(line(words));
    console.log("");
    for (const note of notes) console.log(`note: ${note}`);
}

// A note: what ours is to each of the others, by `value` of a side's figures.
export function ratios(what, ours, peers, value) {
    const words = peers.map((peer) => `${(value(ours) / value(peer)).toFixed(2)} of ${peer.name}`);
    return `${what}, ours: ${words.join(", ")}`;
}

// --name N on the command line, a positive number.
export function option(name, standard) {
    const at = process.argv.indexOf(`--${name}`);
    if (at < 0) return standard;
    const value = Number(process.argv[at + 1]);
    if (!(value > 0)) throw new Error(`--${name} needs a positive number`);
    return value;
}
