// What processes cost, read from /proc (proc(5)): processor time, proportional set size.
import { readFileSync, readdirSync } from 'node:fs';

const TICKS_PER_SECOND = 100; // USER_HZ, fixed on x86-64 and arm64

function statFields(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const close = text.lastIndexOf(')'); // the name may hold blanks and parentheses
  return { name: text.slice(text.indexOf('(') + 1, close), rest: text.slice(close + 2).split(' ') };
}

export function listProcesses() {
  const processes = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const { name, rest } = statFields(entry);
      processes.push({ pid: Number(entry), name, parent: Number(rest[1]) });
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error; // it ended meanwhile
    }
  }
  return processes;
}

// The process and all that descend from it.
export function processTree(root) {
  const all = listProcesses();
  const tree = new Set([root]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const process of all) {
      if (tree.has(process.parent) && !tree.has(process.pid)) {
        tree.add(process.pid);
        grew = true;
      }
    }
  }
  return all.filter((process) => tree.has(process.pid));
}

// Seconds of processor time that the process itself has used.
export function cpuSeconds(pid) {
  const { rest } = statFields(pid);
  return (Number(rest[11]) + Number(rest[12])) / TICKS_PER_SECOND;
}

// Proportional set size in MiB (smaps_rollup).
export function pssMiB(pid) {
  const match = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  if (!match) throw new Error(`no Pss in /proc/${pid}/smaps_rollup`);
  return Number(match[1]) / 1024;
}

export const loadAverage = () => readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ');
