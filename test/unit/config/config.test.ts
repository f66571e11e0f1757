import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ProblemError } from '../../../contract/problem.ts';
import { defaultConntrackTimeouts } from '../../../server/acl/load/conntrack-timeouts.ts';
import { agentHelpText, readAgentConfig } from '../../../server/config.ts';
import { defaultRuntimePaths } from '../../../server/runtime/runtimes/container-runtimes.ts';
import { temporaryFolder } from '../store/temporary-store.ts';

function refused(args: string[], env: Record<string, string | undefined> = {}): ProblemError['errors'] {
  try {
    readAgentConfig(args, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ProblemError);
    return (error as ProblemError).errors ?? [{ path: '', message: (error as ProblemError).message }];
  }
  throw new Error(`${args.join(' ')} was accepted`);
}

test('defaults apply without flags and environment', () => {
  expect(readAgentConfig([], {})).toEqual({
    socket: '/run/podlane/agent.sock',
    cniConfig: '/etc/cni/net.d',
    unknownState: 'refuse',
    socketGid: null,
    listen: null,
    database: '/var/lib/podlane/podlane.db',
    pins: '/sys/fs/bpf/podlane',
    trust: null,
    maxSlots: 2048,
    connections: 65_536,
    timeouts: defaultConntrackTimeouts,
    learnMs: 3000,
    verdictRate: { perSecond: 50, burst: 100 },
    environment: 'native',
    logLevel: 'info',
    without: [],
    observe: 'programs',
    runtimes: defaultRuntimePaths,
    lab: false,
  });
});

test('a flag overrides the environment, which overrides the default', () => {
  const env = {
    PODLANE_MAX_SLOTS: '10',
    PODLANE_PINS: '/sys/fs/bpf/x',
    PODLANE_LAB: '1',
    PODLANE_SOCKET: '',
  };
  expect(readAgentConfig(['--max-slots', '20'], env)).toMatchObject({
    maxSlots: 20,
    pins: '/sys/fs/bpf/x',
    lab: true,
    socket: '/run/podlane/agent.sock',
  });
});

test('--help lists every option', () => {
  expect(readAgentConfig(['--help'], {})).toBe('help');
  for (const flag of ['--socket', '--listen', '--token-file', '--database', '--pins', '--max-slots', '--lab'])
    expect(agentHelpText).toContain(flag);
});

test('TCP requires a token of at least 16 characters', () => {
  const token = path.join(temporaryFolder(), 'token');
  expect(refused(['--listen', '127.0.0.1:7481'])).toMatchObject([{ path: '--listen' }]);
  writeFileSync(token, 'short');
  expect(refused(['--listen', '[::1]:7481', '--token-file', token])).toMatchObject([
    { path: '--token-file' },
  ]);
  writeFileSync(token, '0123456789abcdef\n');
  expect(readAgentConfig(['--listen', '[::1]:7481', '--token-file', token], {})).toMatchObject({
    listen: { host: '::1', port: 7481, token: '0123456789abcdef' },
  });
});

test.each([
  [['--max-slots', '0'], '--max-slots'],
  [['--max-slots', '1e3'], '--max-slots'],
  [['--socket-gid', '-1'], ''],
  [['--socket-gid', 'users'], '--socket-gid'],
  [['--socket', 'x'.repeat(108)], '--socket'],
  [['--database', ''], '--database'],
  [['--environment', 'cloud'], '--environment'],
  [['--log-level', 'loud'], '--log-level'],
  [['--listen', '127.0.0.1', '--token-file', '/nonexistent'], '--listen'],
  [['--listen', '127.0.0.1:99999', '--token-file', '/nonexistent'], '--listen'],
  [['--nonsense'], ''],
  [['extra'], ''],
])('%j is rejected by the name of the flag', (args, flag) => {
  expect(refused(args)?.[0]?.path).toBe(flag);
});

test('all invalid values are reported at once by their source', () => {
  const errors = refused(['--max-slots', 'many'], { PODLANE_ENVIRONMENT: 'cloud' });
  expect(errors?.map(({ path }) => path)).toEqual(['--max-slots', 'PODLANE_ENVIRONMENT']);
});

test('capabilities to ignore have the names that the node reports', () => {
  expect(readAgentConfig(['--without', 'tcx,live-rename'], {})).toMatchObject({
    without: ['tcx', 'live-rename'],
  });
  expect(() => readAgentConfig(['--without', 'magic'], {})).toThrow(
    /--without "magic": expected one of netkit, tcx/,
  );
});

test('connection timeouts are set by protocol and state', () => {
  expect(readAgentConfig(['--timeouts', 'udp=5/20,tcp=1/2/3'], {})).toMatchObject({
    timeouts: {
      ...defaultConntrackTimeouts,
      udp: { ...defaultConntrackTimeouts.udp, unreplied: 5, replied: 20 },
      tcp: { unreplied: 1, replied: 2, closing: 3 },
    },
  });
  for (const text of ['udp', 'udp=0', 'udp=1/2/3/4', 'quic=5', 'udp=x', '']) {
    expect(refused(['--timeouts', text])).toMatchObject([{ path: '--timeouts' }]);
  }
  expect(readAgentConfig(['--verdict-rate', '7'], {})).toMatchObject({
    verdictRate: { perSecond: 7, burst: 7 },
  });
  expect(refused(['--verdict-rate', '0/1'])).toMatchObject([{ path: '--verdict-rate' }]);
});

test('what one start does with unknown kernel state is chosen by a flag alone, and only one of them', () => {
  const choice = (...flags: string[]) => readAgentConfig(flags, { PODLANE_RESET: '1', PODLANE_ADOPT: '1' });
  expect(choice()).toMatchObject({ unknownState: 'refuse' });
  expect(choice('--adopt')).toMatchObject({ unknownState: 'adopt' });
  expect(choice('--reset')).toMatchObject({ unknownState: 'reset' });
  expect(() => choice('--adopt', '--reset')).toThrow(/excludes --adopt/);
});

test('sockets of runtimes are listed with commas between them, or none', () => {
  expect(
    readAgentConfig(['--observe', 'statistics', '--cri-socket', '/run/a.sock,/run/b.sock'], {
      PODLANE_DOCKER_SOCKET: 'none',
    }),
  ).toMatchObject({
    observe: 'statistics',
    runtimes: { ...defaultRuntimePaths, cri: ['/run/a.sock', '/run/b.sock'], docker: [] },
  });
  expect(refused(['--observe', 'some'])).toMatchObject([{ path: '--observe' }]);
  expect(refused(['--cri-socket', 'run/a.sock'])).toMatchObject([{ path: '--cri-socket' }]);
  expect(refused(['--podman-socket', `/${'x'.repeat(108)}`])).toMatchObject([{ path: '--podman-socket' }]);
});
