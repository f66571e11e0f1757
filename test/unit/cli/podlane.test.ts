import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { parseProtocolAndPort } from '../../../cli/commands/rules.ts';
import { cliCommands } from '../../../cli/main.ts';
import { formatFieldLines, formatTextTable } from '../../../cli/text-table.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { fakeAgent, podlane } from './podlane-process.ts';

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

test('no command prints the usage, each command has its help, and an unknown word exits with 2', async () => {
  expect(await podlane()).toMatchObject({ code: 2, stdout: expect.stringContaining('rules explain SOURCE') });
  expect(await podlane('--help')).toMatchObject({ code: 0 });
  expect(await podlane('dance')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no command dance'),
  });
  expect(await podlane('rules', 'apply')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('takes FILE'),
  });
  expect(await podlane('pods', '--nope')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--nope'),
  });
  const help = await podlane('capture', '--help');
  expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('-w, --write FILE') });
});

test.each([
  [['rules'], 2],
  [['rules', '--help'], 0],
  [['bpf', 'link', 'help'], 0],
] as const)('%j lists the commands of the group alone', async (words, code) => {
  const { stdout, stderr, code: exit } = await podlane(...words);
  const group = words.filter((word) => !/help/.test(word)).join(' ');
  expect({ exit, stderr }).toEqual({ exit: code, stderr: '' });
  const listed = stdout.split('\n').filter((line) => /^ {2}\w/.test(line));
  expect(listed.length).toBeGreaterThan(1);
  for (const line of listed) expect(line.trim()).toMatch(new RegExp(`^${group} `));
});

test('an unknown command of a group names the group, and prints no other commands', async () => {
  const { code, stderr } = await podlane('rules', 'dance');
  expect(code).toBe(2);
  expect(stderr).toContain('no command rules dance');
  expect(stderr).not.toContain('capture POD');
});

test('command names are unique, and none is a prefix of another', () => {
  const names = cliCommands.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const [index, name] of names.entries())
    for (const later of names.slice(index + 1)) expect(later.startsWith(`${name} `)).toBe(false);
});

test('without an agent a command exits with 3 and names the socket', async () => {
  const { code, stderr } = await podlane('pods', '--socket', '/nowhere/agent.sock');
  expect(code).toBe(3);
  expect(stderr).toMatch(
    /^podlane: The agent does not respond \(agent_unreachable\)\n.*\/nowhere\/agent\.sock/,
  );
});

test('an error of the agent exits with 1 and is printed with code, detail, lines and hint; as JSON with --json', async () => {
  const refusal = new ProblemError('bad_rules', 'the rules are not valid', {
    hint: 'mend them',
    errors: [{ path: 'rules.0.peers.0', message: 'not a range', line: 7 }],
  }).toProblem();
  const { socket, folder, requests } = await fakeAgent({
    'PUT /rules?dryRun=true': { status: 422, body: refusal },
    'GET /pods/shop.cart': { status: 500, body: 'broken' },
  });
  const file = join(folder, 'rules.yaml');
  writeFileSync(file, 'rules: []\n');
  expect(await podlane('rules', 'check', file, '--socket', socket)).toEqual({
    code: 1,
    stdout: '',
    stderr:
      'podlane: Invalid access rules (bad_rules)\n  the rules are not valid\n  line 7: not a range\n  mend them\n',
  });
  expect(requests).toEqual([
    { line: 'PUT /rules?dryRun=true', type: 'application/yaml', body: 'rules: []\n' },
  ]);
  const json = await podlane('rules', 'check', file, '--socket', socket, '--json');
  expect(JSON.parse(json.stderr)).toEqual(refusal);
  const broken = await podlane('pod', 'shop.cart', '--socket', socket);
  expect(broken).toMatchObject({ code: 1, stderr: expect.stringContaining('returned 500 broken') });
  expect(await podlane('rules', 'check', '/nowhere.yaml', '--socket', socket)).toMatchObject({ code: 1 });
});

test('lists are read page by page; --json prints the agent’s values', async () => {
  const row = (name: string) => ({
    namespace: 'shop',
    name,
    kind: 'netkit',
    hooks: 'netkit',
    state: 'running',
    attention: [],
    addresses: ['10.42.0.1/32'],
    primary: { name: 'pl0', ifindex: 1 },
  });
  const { socket } = await fakeAgent({
    'GET /pods?limit=500': { body: { items: [row('web')], next: '5' } },
    'GET /pods?limit=500&before=5': { body: { items: [row('cart')], next: null } },
  });
  const { stdout } = await podlane('pods', '--socket', socket);
  expect(stdout.split('\n')).toEqual([
    'POD        KIND    HOOKS   DEVICE  ADDRESSES     STATE    ATTENTION',
    'shop.web   netkit  netkit  pl0     10.42.0.1/32  running',
    'shop.cart  netkit  netkit  pl0     10.42.0.1/32  running',
    '',
  ]);
  expect(JSON.parse((await podlane('pods', '--socket', socket, '--json')).stdout)).toHaveLength(2);
});

test('pods of others and the runtimes that made them are lists of their own', async () => {
  const web = {
    id: 'ns-4026532201',
    namespace: 'shop',
    name: 'web-0',
    runtime: { name: 'containerd', socket: '/run/containerd/containerd.sock', connected: false },
    kind: 'veth',
    hostNetwork: false,
    hostEnd: { name: 'veth12', ifindex: 7, bridge: 'cni0' },
    addresses: ['10.88.0.2/16'],
    countedBy: 'programs',
  };
  const runtime = {
    kind: 'cri',
    name: 'containerd',
    version: 'v2.0.0',
    path: '/run/containerd/containerd.sock',
    state: 'unreachable',
    detail: 'connection refused',
    pods: 1,
  };
  const { socket } = await fakeAgent({
    'GET /observed-pods?limit=500': { body: { items: [web], next: null, observe: 'programs' } },
    'GET /runtimes': { body: { items: [runtime], observe: 'programs' } },
  });
  const pods = await podlane('pods', '--observed', '--socket', socket);
  expect(pods.stdout.split('\n').slice(1)).toEqual([
    'ns-4026532201  shop.web-0  containerd (does not answer)  veth  veth12 on cni0  10.88.0.2/16  programs',
    '',
  ]);
  expect(JSON.parse((await podlane('pods', '--observed', '--socket', socket, '--json')).stdout)).toEqual([
    web,
  ]);
  const { stdout } = await podlane('runtimes', '--socket', socket);
  expect(stdout.split('\n')[1]).toBe(
    'containerd (cri)  v2.0.0   unreachable     1  /run/containerd/containerd.sock  connection refused',
  );
});

test('bpf commands name a hook, a program or a pin that is wrong, and need no agent', async () => {
  expect(
    await podlane('bpf', 'link', 'create', 'tcx/sideways', 'lo', '--pin', '/x', '--program', '1'),
  ).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/tcx\/sideways: not a hook\n.*netkit\/primary/),
  });
  expect(
    await podlane('bpf', 'link', 'create', 'tcx/ingress', 'nowhere0', '--pin', '/x', '--program', '1'),
  ).toMatchObject({ code: 1, stderr: expect.stringContaining('nowhere0: no interface') });
  expect(await podlane('bpf', 'link', 'create', 'tcx/ingress', 'lo', '--program', '1')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--pin is missing'),
  });
  const help = await podlane('bpf', 'link', 'update', '--help');
  expect(help).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('usage: podlane bpf link update PIN'),
  });
});

test('traffic is parsed from one word', () => {
  expect(parseProtocolAndPort('tcp:443')).toEqual({ protocol: 'tcp', port: 443 });
  expect(parseProtocolAndPort('icmp:3/4')).toEqual({ protocol: 'icmp', icmp: { type: 3, code: 4 } });
  expect(parseProtocolAndPort('icmp:8')).toEqual({ protocol: 'icmp', icmp: { type: 8, code: 0 } });
  expect(parseProtocolAndPort('47')).toEqual({ protocol: 47 });
  for (const text of ['', 'tcp:', 'tcp:x', 'TCP:1', 'tcp:1:2'])
    expect(() => parseProtocolAndPort(text)).toThrow(ProblemError);
});

test('columns are as wide as their longest cell, numbers aligned right, without trailing spaces', () => {
  expect(
    formatTextTable(
      ['NAME', 'N'],
      [
        ['a', 1],
        ['long name', 20],
      ],
    ),
  ).toBe('NAME        N\na           1\nlong name  20');
  expect(formatFieldLines({ pod: 'a', gone: null, address: 'b', none: '' })).toBe('pod      a\naddress  b');
});

test('control characters in names that pods and users chose do not reach the terminal', async () => {
  const name = '\u001b[31mE\u0007\n\u009b2J\u202e';
  const rules = { name, defaults: { ingress: 'allow', egress: 'allow' }, rules: [] };
  const agent = await fakeAgent({
    'GET /pods?limit=500': {
      body: {
        items: [
          {
            namespace: 'shop',
            name: 'cart',
            kind: 'veth',
            hooks: 'tcx',
            primary: { name },
            addresses: [name],
            state: 'running',
            attention: [`its interface is called ${name}`],
          },
        ],
        next: null,
      },
    },
    'GET /rules': {
      body: {
        rules,
        version: 1,
        actor: name,
        time: name,
        comment: name,
        generation: 1,
        sizes: {},
        warnings: [],
        problem: null,
        text: `# ${name}`,
      },
    },
    'GET /pods/x': {
      status: 404,
      body: { type: 'x', title: name, status: 404, code: 'pod_not_found', detail: name },
    },
  });
  for (const words of [
    ['pods'],
    ['pods', '--json'],
    ['rules', 'show'],
    ['pod', 'x'],
    ['pod', 'x', '--json'],
  ]) {
    const { stdout, stderr } = await podlane(...words, '--socket', agent.socket);
    expect(stdout + stderr, words.join(' ')).toMatch(/\\u001b\[31mE/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    expect(stdout + stderr, words.join(' ')).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
  }
  const { stdout } = await podlane('pods', '--json', '--socket', agent.socket);
  expect(JSON.parse(stdout)[0].primary.name).toBe(name);
});
