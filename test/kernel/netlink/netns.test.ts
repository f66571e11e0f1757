import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  createNamedNamespace,
  createUnnamedNamespace,
  deleteNamedNamespace,
  openCurrentNamespace,
  openNetworkNamespace,
} from '../../../server/kernel/netns.ts';
import { readSysctl, writeSysctl } from '../../../server/kernel/sysctl.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import { testNamespace } from './namespaces.ts';

const directory = mkdtempSync(join(tmpdir(), 'podlane-netns-'));
afterAll(() => rmSync(directory, { recursive: true }));
const own = () => readlinkSync('/proc/thread-self/ns/net');

describe('opening', () => {
  test('`ip netns` and we see the same namespaces', () => {
    using ours = testNamespace();
    expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).toContain(ours.name);
    const theirs = `${ours.name}-ip`;
    execFileSync('ip', ['netns', 'add', theirs]);
    try {
      using opened = openNetworkNamespace(`/run/netns/${theirs}`);
      const shown = execFileSync('ip', ['netns', 'exec', theirs, 'readlink', '/proc/self/ns/net'], {
        encoding: 'utf8',
      });
      expect(shown.trim()).toBe(`net:[${opened.inode}]`);
    } finally {
      deleteNamedNamespace(theirs);
    }
    expect(existsSync(`/run/netns/${theirs}`)).toBe(false);
  });

  test('the namespace of a process opens too', () => {
    using opened = openNetworkNamespace('/proc/self/ns/net');
    using current = openCurrentNamespace();
    expect(opened.inode).toBe(current.inode);
    expect(own()).toBe(`net:[${current.inode}]`);
  });

  test.each<[string, () => string, RegExp]>([
    ['a file', () => file('plain'), /not a namespace/],
    ['a directory', () => directory, /not a namespace/],
    ['a FIFO, which would hang', () => fifo('fifo'), /not a namespace/],
    ['a namespace of another type', () => '/proc/self/ns/mnt', /another type/],
    ['nothing', () => join(directory, 'missing'), /no such file/],
    ['a relative path', () => 'run/netns/x', /not an absolute path/],
    ['a path with a NUL', () => '/run/netns/x\0', /not an absolute path/],
  ])('%s is refused', (_, path, why) => {
    expect(() => openNetworkNamespace(path())).toThrow(
      expect.objectContaining({ code: 'bad_netns', message: expect.stringMatching(why) }),
    );
  });
});

describe('making', () => {
  test('an unnamed one is new and empty, and we are where we were', () => {
    const before = own();
    using made = createUnnamedNamespace();
    expect(`net:[${made.inode}]`).not.toBe(before);
    expect(own()).toBe(before);
  });

  test('a name is given once, and must be one', () => {
    using taken = testNamespace();
    expect(() => createNamedNamespace(taken.name)).toThrow('exists');
    for (const name of ['', '.', '..', 'a/b', '../x', 'a\0b'])
      expect(() => createNamedNamespace(name)).toThrow(expect.objectContaining({ code: 'bad_netns' }));
    deleteNamedNamespace('podlane-t-never-made');
  });
});

describe('being inside', () => {
  test('answers what the act answers, and comes back when it throws', () => {
    const before = own();
    using made = createUnnamedNamespace();
    expect(runInNetworkNamespace(made.fd, own)).toBe(`net:[${made.inode}]`);
    expect(() =>
      runInNetworkNamespace(made.fd, () => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(own()).toBe(before);
  });

  test('a descriptor of something else is refused', () => {
    expect(() => runInNetworkNamespace(0, () => 1)).toThrow(/enter network namespace/);
  });
});

test('sysctls are those of the namespace asked', () => {
  using one = testNamespace();
  using other = testNamespace();
  writeSysctl('net/ipv4/ip_forward', 1, one.fd);
  writeSysctl('net/ipv4/ip_forward', 0, other.fd);
  expect(readSysctl('net/ipv4/ip_forward', one.fd)).toBe('1');
  expect(readSysctl('net/ipv4/ip_forward', other.fd)).toBe('0');
  expect(() => writeSysctl('net/ipv4/ip_forward', 'nonsense', one.fd)).toThrow('EINVAL');
});

const file = (name: string): string => {
  writeFileSync(join(directory, name), '');
  return join(directory, name);
};
const fifo = (name: string): string => {
  execFileSync('mkfifo', [join(directory, name)]);
  return join(directory, name);
};
