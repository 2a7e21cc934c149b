// How much slower a sandbox works while another sets off bombs: the p99 of its rounds (a process, a file, some memory) beside a bomb, over the
// p99 when it is alone just before; the median of the ratios. Run as root, on a machine with nothing else to do.
//
// usage: node bench/doors_neighbour.mjs [--build DIRECTORY] [--rounds N] [--json]
import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { option, report } from './lib/report.mjs';

const BOMBS = ['fork', 'memory', 'tmpfs', 'inode', 'descriptor', 'output', 'error', 'crash', 'spin', 'leave'];
const LIMITS = ['--memory', '64M', '--pids', '50', '--time', '2', '--output', '64M'];

const at = process.argv.indexOf('--build');
const build = resolve(at < 0 ? 'build/checked' : process.argv[at + 1]);
const directory = mkdtempSync(join(tmpdir(), 'neighbour-'));
const program = join(directory, 'bomb');
const execute = promisify(execFile);

const start = (kind) =>
  execute(join(build, 'stage/bin/sandbox-run'), ['--profile', 'code', ...LIMITS, '--ro', directory, '--', program, kind, kind], {
    cwd: '/',
    maxBuffer: 1 << 28,
  });

async function neighbour() {
  const { stdout } = await start('neighbour');
  const [, rounds, p50, p99] = /rounds (\d+) p50 ([\d.]+) p99 ([\d.]+)/.exec(stdout).map(Number);
  return { rounds, p50, p99 };
}

// Bomb after bomb, as long as the neighbour works.
async function beside(kind) {
  let working = true;
  const bombs = (async () => {
    while (working) await start(kind).catch(() => {}); // a bomb that is killed ends with another status
  })();
  const measured = await neighbour();
  working = false;
  await bombs;
  return measured;
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const medianOf = (pairs, which, key) => median(pairs.map((pair) => pair[which][key]));

const rounds = option('rounds', 5);
const rows = [];
try {
  copyFileSync(join(build, 'tests/escape/sandbox-bomb'), program);
  chmodSync(directory, 0o755);
  chmodSync(program, 0o755);
  const pairs = Object.fromEntries(BOMBS.map((kind) => [kind, []]));
  for (let i = 0; i < rounds; i++) {
    for (const kind of BOMBS) pairs[kind].push({ alone: await neighbour(), beside: await beside(kind) });
  }
  for (const [bomb, measured] of Object.entries(pairs)) {
    rows.push({
      bomb,
      rounds: medianOf(measured, 'beside', 'rounds'),
      alone_p50_ms: medianOf(measured, 'alone', 'p50'),
      p50_ms: medianOf(measured, 'beside', 'p50'),
      alone_p99_ms: medianOf(measured, 'alone', 'p99'),
      p99_ms: medianOf(measured, 'beside', 'p99'),
      p99_ratio: median(measured.map(({ alone, beside }) => beside.p99 / alone.p99)),
    });
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
report('a neighbour beside bombs', rows);
