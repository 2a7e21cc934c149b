// How much slower a sandbox works while another sets off bombs: the p99 of its rounds (a process, a file, some memory) beside a bomb, over the
// p99 when it is alone just before; the median of the ratios. Beside one sandbox whose bomb goes on, and beside sandbox after sandbox that each
// set off one; each without and with sandbox-tick, in turns. Run as root, on a machine with nothing else to do.
//
// usage: node bench/doors_neighbour.mjs [--build DIRECTORY] [--rounds N] [--bombs KIND,KIND] [--period US] [--json]
import { execFile, spawn } from 'node:child_process';
import { chmodSync, closeSync, copyFileSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { option, report } from './lib/report.mjs';

const KINDS = ['fork', 'memory', 'tmpfs', 'inode', 'descriptor', 'output', 'error', 'crash', 'spin', 'leave'];
const ENDED_BY_THE_LIMIT = new Set(['memory']); // no bomb of this kind goes on
const LIMITS = ['--memory', '64M', '--pids', '50', '--time', '2', '--output', '64M'];
const BEFORE_MS = 300; // that a bomb which goes on is at work already

const word = (name, standard) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? standard : process.argv[at + 1];
};
const build = resolve(word('build', 'build/checked'));
const bombs = word('bombs', KINDS.join(',')).split(',');
const unknown = bombs.filter((kind) => !KINDS.includes(kind));
if (unknown.length > 0) throw new Error(`no such bomb: ${unknown.join(', ')}`);
const period = option('period', 500);
const directory = mkdtempSync(join(tmpdir(), 'neighbour-'));
const program = join(directory, 'bomb');
const execute = promisify(execFile);

const start = (...words) =>
  execute(join(build, 'stage/bin/sandbox-run'), ['--profile', 'code', ...LIMITS, '--ro', directory, '--', program, ...words], {
    cwd: '/',
    maxBuffer: 1 << 28,
  });

// As sandboxd starts it: with a descriptor that it lives by and the load (lib/tick.h).
async function ticking(measure) {
  const load = openSync('/proc/loadavg', 'r');
  const tick = spawn(join(build, 'stage/bin/sandbox-tick'), [String(period)], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe', load],
    env: { LOG_LEVEL: 'warning' },
  });
  closeSync(load);
  const ended = once(tick, 'exit');
  try {
    await once(tick, 'spawn');
    return await measure();
  } finally {
    if (tick.exitCode !== null || tick.signalCode !== null) throw new Error('sandbox-tick has ended by itself');
    tick.stdio[3].destroy();
    await ended;
  }
}

async function neighbour() {
  const { stdout } = await start('neighbour', 'neighbour');
  const [, rounds, p50, p99] = /rounds (\d+) p50 ([\d.]+) p99 ([\d.]+)/.exec(stdout).map(Number);
  return { rounds, p50, p99 };
}

// Bomb after bomb, as long as the neighbour works.
async function besideMany(kind) {
  let working = true;
  const bombs = (async () => {
    while (working) await start(kind, kind).catch(() => {}); // a bomb that is killed ends with another status
  })();
  const measured = await neighbour();
  working = false;
  await bombs;
  return measured;
}

async function besideOne(kind) {
  const bomb = start(kind, kind, 'again').catch(() => {});
  await delay(BEFORE_MS);
  const measured = await neighbour();
  await bomb; // its time is over soon
  return measured;
}

const WAYS = [
  { of: 'one sandbox', beside: besideOne, has: (kind) => !ENDED_BY_THE_LIMIT.has(kind) },
  { of: 'sandbox after sandbox', beside: besideMany, has: () => true },
];

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

// What was measured beside one bomb, as a row of the table.
function row({ kind, of, samples }) {
  const medianOf = (which, key) => median(samples.map((sample) => sample[which][key]));
  const ratio = (which) => median(samples.map((sample) => sample[which].p99 / sample.alone.p99));
  return {
    bomb: kind,
    of,
    alone_p50_ms: medianOf('alone', 'p50'),
    alone_p99_ms: medianOf('alone', 'p99'),
    rounds: medianOf('without', 'rounds'),
    p50_ms: medianOf('without', 'p50'),
    p99_ms: medianOf('without', 'p99'),
    p99_ratio: ratio('without'),
    tick_rounds: medianOf('tick', 'rounds'),
    tick_p50_ms: medianOf('tick', 'p50'),
    tick_p99_ms: medianOf('tick', 'p99'),
    tick_p99_ratio: ratio('tick'),
  };
}

async function sample(kind, beside, tickFirst) {
  const measured = { alone: await neighbour() };
  for (const which of tickFirst ? ['tick', 'without'] : ['without', 'tick'])
    measured[which] = which === 'tick' ? await ticking(() => beside(kind)) : await beside(kind);
  return measured;
}

const rounds = option('rounds', 5);
const series = bombs.flatMap((kind) => WAYS.filter(({ has }) => has(kind)).map((way) => ({ kind, ...way, samples: [] })));
try {
  copyFileSync(join(build, 'tests/escape/sandbox-bomb'), program);
  chmodSync(directory, 0o755);
  chmodSync(program, 0o755);
  for (let i = 0; i < rounds; i++) {
    for (const { kind, beside, samples } of series) samples.push(await sample(kind, beside, i % 2 === 1));
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
report(`a neighbour beside bombs, without and with a tick of ${period} us`, series.map(row));
