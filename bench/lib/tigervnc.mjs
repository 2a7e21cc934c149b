// The peer: TigerVNC's X server, websockify and noVNC from Debian, with the same window manager, terminal and display size.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

// Xvnc writes its display number to -displayfd once it accepts clients.
async function displayNumber(child) {
  let text = '';
  for await (const chunk of child.stdio[3]) {
    text += chunk;
    if (text.includes('\n')) return Number(text);
  }
  throw new Error('Xvnc ended before it was ready');
}

async function lineOf(stream, pattern) {
  let text = '';
  for await (const chunk of stream) {
    text += chunk;
    if (pattern.test(text)) return;
  }
  throw new Error(`ended before it said ${pattern}`);
}

export async function startTigervnc({ width, height, terminal }) {
  const home = mkdtempSync(join(tmpdir(), 'bench-vnc-'));
  const children = [];
  const start = (command, args, options) => {
    const child = spawn(command, args, { stdio: 'ignore', ...options });
    children.push(child);
    return child;
  };
  const vncPort = await freePort();
  const webPort = await freePort();
  const xvnc = start(
    'Xvnc',
    ['-displayfd', '3', '-geometry', `${width}x${height}`, '-depth', '24', '-SecurityTypes', 'None', '-localhost',
      '-rfbport', String(vncPort), '-AlwaysShared'],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
  );
  const environment = { ...process.env, DISPLAY: `:${await displayNumber(xvnc)}`, HOME: home };
  const windowManager = start('openbox', [], { env: environment });
  const xterm = start('xterm', terminal, { env: environment });
  const proxy = start('websockify', ['--web', '/usr/share/novnc', `127.0.0.1:${webPort}`, `127.0.0.1:${vncPort}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await Promise.race([lineOf(proxy.stderr, /proxying/), lineOf(proxy.stdout, /proxying/)]);

  return {
    name: 'TigerVNC + websockify + noVNC',
    url: `http://127.0.0.1:${webPort}/vnc_lite.html?host=127.0.0.1&port=${webPort}&scale=false`,
    server: { display: xvnc.pid, windowManager: windowManager.pid, proxy: proxy.pid, terminal: xterm.pid },
    async stop() {
      const ended = children.filter((child) => child.exitCode === null).map((child) => once(child, 'exit'));
      for (const child of children) child.kill();
      await Promise.all(ended);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
