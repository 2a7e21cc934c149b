// How many of the doors of tests/escape/doors are open in a sandbox of ours and in others from Debian (scripts/packages/bench.txt), each with
// the settings that its manual gives for code that is not trusted. Run as root.
//
// usage: node bench/doors.mjs [--build DIRECTORY] [--each] [--json]     --each: a row for each door instead of each group
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { report } from './lib/report.mjs';

const USER = ['setpriv', '--reuid=64999', '--regid=64999', '--clear-groups'];
const FIREJAIL_USER = ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups']; // it wants one with a shell
const CONTAINERS_FILTER = '/usr/share/containers/seccomp.json';

const word = (name, standard) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? standard : process.argv[at + 1];
};

const build = resolve(word('build', 'build/checked'));
const directory = mkdtempSync(join(tmpdir(), 'doors-'));
const program = join(directory, 'doors');
const outside = mkdtempSync(join(tmpdir(), 'canary-'));

function canary() {
  const file = join(outside, 'file');
  const socket = join(outside, 'socket');
  writeFileSync(file, 'canary\n');
  const servers = [createServer().listen(socket), createServer().listen('\0doors-canary'), createServer().listen(0, '127.0.0.1')];
  const child = spawn('sleep', ['600'], { argv0: 'canary' });
  return new Promise((ready) =>
    servers[2].once('listening', () => {
      chmodSync(outside, 0o755);
      chmodSync(socket, 0o777);
      ready({
        facts: [`file=${file}`, `socket=${socket}`, 'abstract=doors-canary', `port=${servers[2].address().port}`, `host-name=${hostname()}`, 'process=sleep'],
        stop() {
          child.kill();
          for (const server of servers) server.close();
        },
      });
    }),
  );
}

// The list of Podman and its kin (golang-github-containers-common) names groups of calls with the capabilities and machines for which they count.
function containersFilter() {
  const { defaultErrnoRet, syscalls } = JSON.parse(readFileSync(CONTAINERS_FILTER, 'utf8'));
  const counts = ({ includes = {}, excludes = {} }) =>
    !includes.caps?.length && !(includes.arches && !includes.arches.includes('amd64')) && !excludes.arches?.includes('amd64');
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: defaultErrnoRet ?? 38,
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    syscalls: syscalls.filter(counts).map(({ names, action, args, errnoRet }) => ({ names, action, args: args ?? [], ...(errnoRet ? { errnoRet } : {}) })),
  };
}

// The bundle that "crun spec" writes, for a program without any right, on the host's /usr.
function bundle(facts, filter) {
  const path = mkdtempSync(join(directory, 'bundle-'));
  chmodSync(path, 0o755); // for the mapped root
  execFileSync('crun', ['spec'], { cwd: path });
  const config = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'));
  for (const name of ['usr', 'proc', 'dev', 'sys', 'tmp', 'etc', 'program']) mkdirSync(join(path, 'rootfs', name), { recursive: true });
  for (const name of ['bin', 'lib', 'lib64']) execFileSync('ln', ['-s', `usr/${name}`, join(path, 'rootfs', name)]);
  const bind = (source, destination) => ({ source, destination, type: 'bind', options: ['bind', 'ro', 'nosuid', 'nodev'] });
  config.process.terminal = false;
  config.process.args = ['/program/doors', ...facts];
  config.process.user = { uid: 1000, gid: 1000 };
  config.process.capabilities = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };
  config.mounts.push(bind('/usr', '/usr'), bind(directory, '/program'), { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'mode=1777'] });
  config.mounts = config.mounts.filter(({ type }) => type !== 'cgroup');
  config.linux.namespaces.push({ type: 'user' });
  config.linux.uidMappings = config.linux.gidMappings = [{ containerID: 0, hostID: 1000000, size: 65536 }];
  if (filter) config.linux.seccomp = containersFilter();
  writeFileSync(join(path, 'config.json'), JSON.stringify(config));
  return path;
}

// crun 1.8 knows pure cgroup2 and pure v1 only: it is shown the former.
const ONLY_CGROUP2 = '[ ! -d /sys/fs/cgroup/unified ] || mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup; exec "$@"';
const crun = (facts, filter) => ['unshare', '--mount', 'sh', '-c', ONLY_CGROUP2, 'sh', 'crun', '--cgroup-manager=disabled', 'run', '--bundle', bundle(facts, filter), `doors-${process.pid}${filter ? 'f' : ''}`];

const bubblewrap = (facts) => [
  ...USER, 'bwrap', '--unshare-all', '--die-with-parent', '--new-session', '--clearenv', '--hostname', 'sandbox',
  '--ro-bind', '/usr', '/usr', '--symlink', 'usr/bin', '/bin', '--symlink', 'usr/lib', '/lib', '--symlink', 'usr/lib64', '/lib64',
  '--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp', '--ro-bind', directory, '/program', '/program/doors', ...facts,
];

const firejail = (facts) => [
  ...FIREJAIL_USER, 'firejail', '--quiet', '--noprofile', '--private-dev', '--net=none', '--caps.drop=all', '--nonewprivs', '--noroot',
  '--seccomp', '--nogroups', '--hostname=sandbox', '--', program, ...facts,
];

const ours = (profile) => (facts) => [join(build, 'stage/bin/sandbox-run'), '--profile', profile, '--ro', directory, '--', program, ...facts];

const sandboxes = {
  'no sandbox': (facts) => [...USER, program, ...facts],
  firejail,
  bubblewrap,
  crun: (facts) => crun(facts, false),
  'crun, Podman list': (facts) => existsSync(CONTAINERS_FILTER) && crun(facts, true),
  'ours, desktop': ours('desktop'),
  'ours, browser': ours('browser'),
  'ours, code': ours('code'),
};

function run(command) {
  if (!command) throw new Error('not installed');
  const text = execFileSync(command[0], command.slice(1), { cwd: '/', encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const doors = text.split('\n').map((line) => line.split('\t')).filter(([verdict]) => verdict === 'open' || verdict === 'shut');
  if (doors.length === 0) throw new Error(`no verdict: ${text.slice(0, 200)}`);
  return doors;
}

const { facts, stop } = await canary();
const notes = [];
const rows = new Map();
try {
  copyFileSync(join(build, 'tests/escape/sandbox-doors'), program);
  chmodSync(program, 0o755);
  chmodSync(directory, 0o755);
  const each = process.argv.includes('--each');
  const row = (name) => rows.get(name) ?? rows.set(name, { doors: name }).get(name);
  const totals = { doors: 'all' };
  for (const [name, command] of Object.entries(sandboxes)) {
    try {
      for (const [verdict, group, door] of run(command(facts))) {
        if (each) row(door)[name] = verdict;
        else row(group)[name] = (row(group)[name] ?? 0) + (verdict === 'open');
        totals[name] = (totals[name] ?? 0) + (verdict === 'open');
      }
    } catch (error) {
      notes.push(`${name}: ${String(error.stderr || error.message).trim().split('\n').slice(-2).join(' ')}`);
    }
  }
  rows.set('all', totals);
} finally {
  stop();
  for (const path of [directory, outside]) rmSync(path, { recursive: true, force: true });
}
report('open doors', [...rows.values()], notes);
