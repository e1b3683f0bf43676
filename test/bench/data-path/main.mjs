// The data path alone: bulk each way, ping, ping under bulk, memory; Stile's streams beside `ws` and `ssh -L` in one run.
// Usage: node test/bench/data-path/main.mjs [megabytes] [rounds] [peers]
import { spawn, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, existsSync, writeFileSync, readFileSync, mkdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeSelfSigned } from './self-signed.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const megabytes = Number(process.argv[2] ?? 300);
const rounds = Number(process.argv[3] ?? 3);
const wanted = (process.argv[4] ?? 'stile,ws,ssh').split(',');
const { cert, key } = makeSelfSigned();

class Child {
  constructor(file, args = []) {
    this.process = spawn(process.execPath, ['--expose-gc', join(here, file), ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.waiting = [];
    let text = '';
    this.process.stdout.on('data', (data) => {
      text += data;
      for (let cut = text.indexOf('\n'); cut >= 0; cut = text.indexOf('\n')) {
        this.waiting.shift()?.(JSON.parse(text.slice(0, cut)));
        text = text.slice(cut + 1);
      }
    });
  }
  next() {
    return new Promise((resolve) => this.waiting.push(resolve));
  }
  ask(line = '?') {
    const answer = this.next();
    this.process.stdin.write(`${line}\n`);
    return answer;
  }
  stop() {
    this.process.kill();
  }
}

const endpoint = new Child('endpoint.mjs');
const { port: endpointPort } = await endpoint.next();

async function nodePeer(kind, runtime = '@stile/runtime') {
  const worker = new Child('node-end.mjs', [
    'worker',
    kind,
    JSON.stringify({ cert, key, endpointPort, runtime }),
  ]);
  const { port: workerPort } = await worker.next();
  const client = new Child('node-end.mjs', ['client', kind, JSON.stringify({ cert, workerPort, runtime })]);
  const { port } = await client.next();
  return {
    port,
    cpu: async () => ({ client: (await client.ask()).cpu, worker: (await worker.ask()).cpu }),
    rss: async () => ({ client: (await client.ask('gc')).rss, worker: (await worker.ask('gc')).rss }),
    stop: () => {
      client.stop();
      worker.stop();
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function cpuOf(pids) {
  let ticks = 0;
  for (const pid of pids) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // Gone already: its time is not counted.
    }
  }
  return ticks / 100;
}

function childrenOf(pid) {
  try {
    const ids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
    return [pid, ...ids.flatMap(childrenOf)];
  } catch {
    return [];
  }
}

async function sshPeer() {
  if (!existsSync('/usr/sbin/sshd')) return undefined;
  const dir = mkdtempSync(join(tmpdir(), 'stile-bench-'));
  const file = (name) => join(dir, name);
  for (const name of ['host', 'user'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file(name)]);
  writeFileSync(file('authorized'), readFileSync(file('user.pub')));
  const sshdPort = await freePort();
  const port = await freePort();
  mkdirSync('/run/sshd', { recursive: true });
  const sshd = spawn(
    '/usr/sbin/sshd',
    [
      '-D',
      '-e',
      '-f',
      '/dev/null',
      '-p',
      String(sshdPort),
      '-h',
      file('host'),
      '-o',
      `AuthorizedKeysFile=${file('authorized')}`,
      '-o',
      'StrictModes=no',
      '-o',
      'ListenAddress=127.0.0.1',
      '-o',
      `PidFile=${file('pid')}`,
    ],
    { stdio: 'ignore' },
  );
  const client = spawn(
    'ssh',
    [
      '-N',
      '-F',
      '/dev/null',
      '-p',
      String(sshdPort),
      '-i',
      file('user'),
      '-c',
      'aes128-gcm@openssh.com',
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      `UserKnownHostsFile=${file('known')}`,
      '-o',
      'ExitOnForwardFailure=yes',
      '-o',
      'ConnectionAttempts=20',
      '-L',
      `127.0.0.1:${port}:127.0.0.1:${endpointPort}`,
      `${userInfo().username}@127.0.0.1`,
    ],
    { stdio: 'ignore' },
  );
  for (let attempt = 0; ; attempt += 1) {
    const isUp = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isUp) break;
    if (attempt > 100) throw new Error('ssh did not come up');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    port,
    cpu: async () => ({ client: cpuOf([client.pid]), worker: cpuOf(childrenOf(sshd.pid)) }),
    rss: undefined,
    stop: () => {
      client.kill();
      sshd.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function opening(mode, bytes) {
  const first = Buffer.alloc(9);
  first.write(mode);
  first.writeBigUInt64BE(BigInt(bytes), 1);
  return first;
}

const chunk = Buffer.alloc(262_144, 9);

function up(port, bytes) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('error', reject);
    let left = bytes;
    const fill = () => {
      while (left > 0) {
        const size = Math.min(left, chunk.length);
        left -= size;
        if (!socket.write(size === chunk.length ? chunk : chunk.subarray(0, size))) break;
      }
    };
    const start = process.hrtime.bigint();
    socket.write(opening('S', bytes));
    socket.on('drain', fill);
    fill();
    socket.once('data', () => {
      socket.destroy();
      resolve(bytes / (Number(process.hrtime.bigint() - start) / 1000));
    });
  });
}

function down(port, bytes) {
  return new Promise((resolve, reject) => {
    let left = bytes;
    const start = process.hrtime.bigint();
    const landing = Buffer.alloc(524_288);
    const socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: landing,
        callback: (length) => {
          left -= length;
          if (left <= 0) {
            socket.destroy();
            resolve(bytes / (Number(process.hrtime.bigint() - start) / 1000));
          }
          return true;
        },
      },
    });
    socket.once('error', reject);
    socket.write(opening('F', bytes));
  });
}

function open(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('error', reject);
    socket.write('E');
    socket.write('x');
    socket.once('data', () => resolve(socket));
  });
}

async function ping(port, times) {
  const socket = await open(port);
  const took = [];
  const message = Buffer.alloc(64, 1);
  for (let i = 0; i < times; i += 1) {
    const start = process.hrtime.bigint();
    socket.write(message);
    let got = 0;
    while (got < 64) got += (await new Promise((resolve) => socket.once('data', resolve))).length;
    took.push(Number(process.hrtime.bigint() - start) / 1000);
  }
  socket.destroy();
  took.sort((a, b) => a - b);
  return { p50: took[Math.floor(times / 2)], p99: took[Math.floor(times * 0.99)] };
}

async function pingUnder(port, transfer) {
  let isRunning = true;
  const bulk = (async () => {
    while (isRunning) await transfer(port, 200e6);
  })();
  const result = await ping(port, 300);
  isRunning = false;
  await bulk;
  return result;
}

async function memory(peer, count, eachBytes) {
  if (peer.rss === undefined) return undefined;
  for (const socket of await Promise.all(Array.from({ length: 20 }, () => open(peer.port)))) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const before = await peer.rss();
  const sockets = [];
  for (let i = 0; i < count; i += 1) sockets.push(await open(peer.port));
  await new Promise((resolve) => setTimeout(resolve, 500));
  const idle = await peer.rss();
  for (const socket of sockets) {
    socket.write(Buffer.alloc(eachBytes, 1));
    let got = 0;
    while (got < eachBytes) got += (await new Promise((resolve) => socket.once('data', resolve))).length;
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  const after = await peer.rss();
  for (const socket of sockets) socket.destroy();
  const per = (a) => ({
    client: Math.round((a.client - before.client) / count / 1000),
    worker: Math.round((a.worker - before.worker) / count / 1000),
  });
  return { idle: per(idle), after1MB: per(after) };
}

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const bytes = megabytes * 1e6;
const makers = { stile: () => nodePeer('stile'), ws: () => nodePeer('ws'), ssh: sshPeer };
const results = {};
const peers = {};
for (const name of wanted) {
  const peer = name.includes('/') ? await nodePeer('stile', name) : await makers[name]();
  if (peer !== undefined) peers[name] = peer;
}
for (let round = 0; round <= rounds; round += 1) {
  for (const [name, peer] of Object.entries(peers)) {
    for (const [way, transfer] of [
      ['up', up],
      ['down', down],
    ]) {
      const before = await peer.cpu();
      const speed = await transfer(peer.port, round === 0 ? 50e6 : bytes);
      const after = await peer.cpu();
      if (round === 0) continue;
      results[name] ??= {};
      results[name][way] ??= { speed: [], client: [], worker: [] };
      results[name][way].speed.push(speed);
      for (const end of ['client', 'worker'])
        results[name][way][end].push((after[end] - before[end]) / (megabytes / 1000));
    }
  }
}
for (const [name, ways] of Object.entries(results)) {
  for (const [way, { speed, client, worker }] of Object.entries(ways)) {
    console.log(
      `${name.slice(-12).padEnd(12)} ${way.padEnd(5)} ${median(speed).toFixed(0).padStart(5)} MB/s (${Math.min(...speed).toFixed(0)}-${Math.max(...speed).toFixed(0)})  CPU s/GB client ${median(client).toFixed(2)} worker ${median(worker).toFixed(2)}`,
    );
  }
}
for (const [name, peer] of Object.entries(peers)) {
  const quiet = await ping(peer.port, 3000);
  const underUp = await pingUnder(peer.port, up);
  const underDown = await pingUnder(peer.port, down);
  const show = ({ p50, p99 }) => `${p50.toFixed(0)}/${p99.toFixed(0)} µs`;
  console.log(
    `${name.slice(-12).padEnd(12)} ping p50/p99 ${show(quiet)}, under bulk up ${show(underUp)}, under bulk down ${show(underDown)}`,
  );
}
if (process.argv[5] !== undefined) {
  for (const [name, peer] of Object.entries(peers))
    console.log(name, 'kB a connection', JSON.stringify(await memory(peer, Number(process.argv[5]), 1e6)));
}
for (const peer of Object.values(peers)) peer.stop();
endpoint.stop();
