// How much slower a sandbox works while another sets off bombs: the p99 of its rounds (a process, a file, some memory) beside a bomb, over the
// p99 when it is alone just before; the median of the ratios. Beside one sandbox whose bomb goes on, and beside sandbox after sandbox that each
// set off one. Run as root, on a machine with nothing else to do.
//
// usage: node bench/doors_neighbour.mjs [--build DIRECTORY] [--rounds N] [--json]
import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { option, report } from './lib/report.mjs';

const BOMBS = ['fork', 'memory', 'tmpfs', 'inode', 'descriptor', 'output', 'error', 'crash', 'spin', 'leave'];
const ENDED_BY_THE_LIMIT = new Set(['memory']); // no bomb of this kind goes on
const LIMITS = ['--memory', '64M', '--pids', '50', '--time', '2', '--output', '64M'];
const BEFORE_MS = 300; // that a bomb which goes on is at work already

const at = process.argv.indexOf('--build');
const build = resolve(at < 0 ? 'build/checked' : process.argv[at + 1]);
const directory = mkdtempSync(join(tmpdir(), 'neighbour-'));
const program = join(directory, 'bomb');
const execute = promisify(execFile);

const start = (...words) =>
  execute(join(build, 'stage/bin/sandbox-run'), ['--profile', 'code', ...LIMITS, '--ro', directory, '--', program, ...words], {
    cwd: '/',
    maxBuffer: 1 << 28,
  });

async function neighbour() {
  const { stdout } = await start('neighbour', 'neighbour');
  const [, rounds, p50, p99] = /rounds (\d+) p50 ([\d.]+) p99 ([\d.]+)/.exec(stdout).map(Number);
  return { rounds, p50, p99 };
}

// Bomb after bomb, as long as the neighbour works.
async function beside(kind) {
  let working = true;
  const bombs = (async () => {
    while (working) await start(kind, kind).catch(() => {}); // a bomb that is killed ends with another status
  })();
  const measured = await neighbour();
  working = false;
  await bombs;
  return measured;
}

async function besideOneThatGoesOn(kind) {
  const bomb = start(kind, kind, 'again').catch(() => {});
  await delay(BEFORE_MS);
  const measured = await neighbour();
  await bomb; // its time is over soon
  return measured;
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

// What was measured beside one bomb, as a row of the table.
function row(bomb, of, pairs) {
  const medianOf = (which, key) => median(pairs.map((pair) => pair[which][key]));
  return {
    bomb,
    of,
    rounds: medianOf('beside', 'rounds'),
    alone_p50_ms: medianOf('alone', 'p50'),
    p50_ms: medianOf('beside', 'p50'),
    alone_p99_ms: medianOf('alone', 'p99'),
    p99_ms: medianOf('beside', 'p99'),
    p99_ratio: median(pairs.map(({ alone, beside }) => beside.p99 / alone.p99)),
  };
}

const rounds = option('rounds', 5);
const rows = [];
try {
  copyFileSync(join(build, 'tests/escape/sandbox-bomb'), program);
  chmodSync(directory, 0o755);
  chmodSync(program, 0o755);
  const lasting = Object.fromEntries(BOMBS.map((kind) => [kind, []]));
  const repeated = Object.fromEntries(BOMBS.map((kind) => [kind, []]));
  for (let i = 0; i < rounds; i++) {
    for (const kind of BOMBS) {
      if (!ENDED_BY_THE_LIMIT.has(kind)) lasting[kind].push({ alone: await neighbour(), beside: await besideOneThatGoesOn(kind) });
      repeated[kind].push({ alone: await neighbour(), beside: await beside(kind) });
    }
  }
  for (const kind of BOMBS) {
    if (lasting[kind].length > 0) rows.push(row(kind, 'one sandbox', lasting[kind]));
    rows.push(row(kind, 'sandbox after sandbox', repeated[kind]));
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
report('a neighbour beside bombs', rows);
