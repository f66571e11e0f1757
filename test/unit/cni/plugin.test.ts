import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { cniVersions } from '../../../contract/cni-version.ts';
import { parseCniCall } from '../../../server/datapath/containers/cni-call.ts';
import { pluginPath, runPlugin } from '../../testbed/cni-plugin.ts';

// The plugin alone, with a socket that takes the place of the agent's.

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-t-plugin-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface FakeAgent {
  socket: string;
  folder: string;
  /** Requests as they came. */
  requests: Buffer[];
}

/** Listens as an agent does. @param answer ends the connection, with or without an answer */
async function listen(answer: (connection: Socket, count: number) => void): Promise<FakeAgent> {
  const folder = temporaryFolder();
  const socket = join(folder, 'cni.sock');
  const requests: Buffer[] = [];
  const server: Server = createServer((connection) => {
    let received = Buffer.alloc(0);
    connection.on('error', () => {});
    connection.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const head = received.indexOf('\r\n\r\n');
      const length = /Content-Length: (\d+)/.exec(received.toString('latin1'))?.[1];
      if (head < 0 || received.length < head + 4 + Number(length)) return;
      requests.push(received.subarray(head + 4));
      answer(connection, requests.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => void server.close());
  return { socket, folder, requests };
}

const respond =
  (status: number, body: string) =>
  (connection: Socket): void => {
    connection.end(`HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  };

const nobody = '/nonexistent/podlane/cni.sock';
const config = { cniVersion: '1.0.0', name: 'net', type: 'podlane' };

test('without a command it says what it is, on standard error, and succeeds', async () => {
  const { code, output, stderr } = await runPlugin(nobody, '', {});
  expect({ code, output }).toEqual({ code: 0, output: null });
  expect(stderr).toMatch(/^podlane \d+\.\d+\.\d+: CNI plugin/);
  expect(stderr).toContain(`CNI versions: ${cniVersions.join(', ')}\n`);
});

test.each([[{}], [{ cniVersion: '1.1.0' }], [{ cniVersion: '0.3.1' }], ['']])(
  'VERSION with %j is answered without an agent',
  async (given) => {
    const { code, output } = await runPlugin(nobody, 'VERSION', { config: given });
    expect({ code, output }).toEqual({
      code: 0,
      output: {
        cniVersion: typeof given === 'object' && 'cniVersion' in given ? given.cniVersion : '1.1.0',
        supportedVersions: [...cniVersions],
      },
    });
  },
);

test('it is a static program of less than 100 kB', () => {
  expect(statSync(pluginPath).size).toBeLessThan(100_000);
  const program = readFileSync(pluginPath);
  // No program header asks for an interpreter: PT_INTERP is 3.
  const [offset, size, count] = [Number(program.readBigUInt64LE(32)), program.readUInt16LE(54), program.readUInt16LE(56)];
  const types = Array.from({ length: count }, (_, index) => program.readUInt32LE(offset + index * size));
  expect(types).not.toContain(3);
});

test('the call is its variables and the configuration as it came; the answer is printed as it came', async () => {
  const { socket, requests } = await listen(respond(200, '{"cniVersion":"1.0.0", "ips":[ ]}'));
  const text = '{ "name":"net",\n "cniVersion" : "1.0.0", "ä": "\\u0000" }';
  const answer = await runPlugin(socket, 'ADD', {
    id: 'c1',
    netns: '/run/netns/c1',
    args: 'A=1;B=x=y',
    config: text,
    environment: { SECRET: 'no', NETCONFPATH: '/etc/x' },
  });
  expect(answer).toMatchObject({ code: 0, output: { cniVersion: '1.0.0', ips: [] } });
  expect(parseCniCall(requests[0]!)).toEqual({
    environment: {
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: 'c1',
      CNI_NETNS: '/run/netns/c1',
      CNI_IFNAME: 'eth0',
      CNI_ARGS: 'A=1;B=x=y',
      CNI_PATH: '/usr/lib/cni',
      NETCONFPATH: '/etc/x',
    },
    config: text,
    request: expect.stringMatching(/^\d+-\d+\.\d{9}$/),
  });
});

test('an error of the agent is printed, and is the plugin’s failure', async () => {
  const { socket } = await listen(respond(500, '{"cniVersion":"1.0.0","code":104,"msg":"full"}'));
  expect(await runPlugin(socket, 'ADD', { id: 'c', netns: '/x', config })).toMatchObject({
    code: 1,
    output: { code: 104, msg: 'full' },
  });
});

test('the socket may be that of the configuration', async () => {
  const { socket, requests } = await listen(respond(200, ''));
  const withSocket = { plugins: [{ socket: '/wrong' }], 'socket ': '/wrong', ...config, socket };
  expect((await runPlugin('', 'DEL', { id: 'c', config: withSocket })).code).toBe(0);
  expect(requests).toHaveLength(1);
});

test('a call whose agent ends before it answers is made again, under the same number', async () => {
  const { socket, requests } = await listen((connection, count) => {
    if (count === 1) connection.destroy();
    else if (count === 2) connection.end('HTTP/1.1 200\r\nContent-Length: 100\r\n\r\n{"half":');
    else respond(200, '{"cniVersion":"1.0.0"}')(connection);
  });
  expect(await runPlugin(socket, 'ADD', { id: 'c', netns: '/x', config })).toMatchObject({
    code: 0,
    output: { cniVersion: '1.0.0' },
  });
  expect(new Set(requests.map((body) => parseCniCall(body).request)).size).toBe(1);
  expect(requests).toHaveLength(3);
});

test('an agent that comes late is waited for', async () => {
  const folder = temporaryFolder();
  const socket = join(folder, 'cni.sock');
  const adding = runPlugin(socket, 'ADD', { id: 'c', netns: '/x', config });
  await sleep(300);
  const { socket: real } = await listen(respond(200, '{"cniVersion":"1.0.0"}'));
  symlinkSync(real, socket);
  expect((await adding).code).toBe(0);
});

test.each([
  ['ADD', { code: 11, msg: expect.stringContaining(`does not answer at ${nobody}: No such file`) }],
  ['CHECK', { code: 11 }],
  ['GC', { code: 11 }],
  ['STATUS', { code: 50 }],
])('%s without an agent ends with its code, in the version of the configuration', async (command, error) => {
  const environment = { PODLANE_CNI_WAIT_MS: '50' };
  expect(
    await runPlugin(nobody, command, { id: 'c', netns: '/x', config, environment }),
  ).toMatchObject({ code: 1, output: { cniVersion: '1.0.0', ...error } });
  const { cniVersion: _, ...old } = config;
  expect(await runPlugin(nobody, command, { id: 'c', config: old, environment })).toMatchObject({
    output: { cniVersion: '0.1.0' },
  });
});

test('DEL without an agent succeeds and leaves the call', async () => {
  const folder = temporaryFolder();
  const socket = join(folder, 'run', 'cni.sock');
  const call = { id: 'c.1_x-y', netns: '/run/netns/c', interface: 'eth1', config };
  for (let times = 0; times < 2; times++)
    expect(await runPlugin(socket, 'DEL', call)).toMatchObject({ code: 0, output: null });
  const pending = join(folder, 'run/cni.pending');
  expect(readdirSync(pending)).toEqual(['net+c.1_x-y+eth1']);
  expect(statSync(pending).mode & 0o777).toBe(0o700);
  expect(statSync(join(pending, 'net+c.1_x-y+eth1')).mode & 0o777).toBe(0o600);
  expect(parseCniCall(readFileSync(join(pending, 'net+c.1_x-y+eth1')))).toMatchObject({
    environment: { CNI_COMMAND: 'DEL', CNI_CONTAINERID: 'c.1_x-y' },
    config: JSON.stringify(config),
  });
});

test.each([
  ['an id that is a path', { id: '../../x', config }, 4],
  ['no id', { config }, 4],
  ['an interface that is a path', { id: 'c', interface: '../x', config }, 4],
  ['a network without a name', { id: 'c', config: { cniVersion: '1.0.0' } }, 7],
  ['a network whose name is a path', { id: 'c', config: { ...config, name: '../x' } }, 7],
  ['names that are too long for a file', { id: 'c'.repeat(600), config }, 5],
])('DEL without an agent: %s leaves nothing', async (_, call, code) => {
  const folder = temporaryFolder();
  const answer = await runPlugin(join(folder, 'cni.sock'), 'DEL', call);
  expect(answer).toMatchObject({ code: 1, output: { code } });
  const pending = join(folder, 'cni.pending');
  expect(existsSync(pending) ? readdirSync(pending) : []).toEqual([]);
});

test('a configuration or variables beyond their limit are refused, a message is one line of JSON', async () => {
  expect(
    await runPlugin(nobody, 'ADD', { id: 'c', config: `{"name":"${'x'.repeat(1 << 20)}"}` }),
  ).toMatchObject({ code: 1, output: { code: 6 } });
  const odd = '/run/"quoted"\\\n\t/cni.sock';
  expect(
    await runPlugin(odd, 'ADD', { id: 'c', config, environment: { PODLANE_CNI_WAIT_MS: '1' } }),
  ).toMatchObject({ output: { msg: expect.stringContaining(odd) } });
});

test('without input it ends with an error and does not hang', async () => {
  const code = await new Promise((resolve) => {
    execFile(
      'sh',
      ['-c', `exec ${pluginPath} <&-`],
      { env: { CNI_COMMAND: 'ADD', PATH: process.env.PATH ?? '' } as unknown as NodeJS.ProcessEnv },
      (error) => resolve(error?.code ?? 0),
    );
  });
  expect(code).toBe(1);
});
