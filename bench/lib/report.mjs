// One table for people, or with --json one object: what every benchmark prints.
import { loadAverage } from './processes.mjs';

const round = (value) => (typeof value === 'number' ? Math.round(value * 100) / 100 : value);

export function report(name, rows, notes = []) {
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ name, load: loadAverage(), rows, notes }));
    return;
  }
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [columns, ...rows.map((row) => columns.map((column) => String(round(row[column] ?? '-'))))];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i].length)));
  console.log(`${name} (load ${loadAverage()})`);
  for (const line of cells) console.log(line.map((cell, i) => cell.padEnd(widths[i])).join('  '));
  for (const note of notes) console.log(`note: ${note}`);
}

export function option(name, standard) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? standard : Number(process.argv[at + 1]);
}
