import { expect, test } from 'vitest';
import { computeCpuShares, parseProcStatCpuTimes } from '../../../server/kernel/procfs.ts';
import { readSysctl, writeSysctl } from '../../../server/kernel/sysctl.ts';

const stat = `cpu  30 0 30 200 10 0 12 0 0 0
cpu0 10 1 20 100 5 2 6 3 4 0
cpu1 20 0 10 100 5 0 6 0 0 0
intr 12345 0 0
ctxt 99
`;

test('the time of each processor: guest is part of user, waiting for I/O is idle', () => {
  expect(parseProcStatCpuTimes(stat)).toEqual([
    { busy: 42, softirq: 6, total: 147 },
    { busy: 36, softirq: 6, total: 141 },
  ]);
});

test('shares of an interval are between 0 and 1, even when the kernel’s counters step back', () => {
  const at = (busy: number, softirq: number, total: number) => ({ busy, softirq, total });
  expect(computeCpuShares(at(10, 0, 100), at(60, 10, 200))).toEqual({ busy: 0.5, softirq: 0.1 });
  expect(computeCpuShares(at(10, 0, 100), at(10, 0, 100))).toEqual({ busy: 0, softirq: 0 });
  expect(computeCpuShares(at(10, 5, 100), at(8, 4, 110))).toEqual({ busy: 0, softirq: 0 });
});

test.each(['../../etc/passwd', 'net/../../../etc/passwd', '/etc/passwd', '', 'net//ipv4', 'net/ipv4/'])(
  'a sysctl outside of /proc/sys is refused: %j',
  (path) => {
    expect(() => readSysctl(path)).toThrow('not the path of a sysctl');
    expect(() => writeSysctl(path, 1)).toThrow('not the path of a sysctl');
  },
);

test('a sysctl that is not there says so', () => {
  expect(() => readSysctl('net/ipv4/conf/no-such-device/rp_filter')).toThrow(
    'read sysctl net/ipv4/conf/no-such-device/rp_filter: ENOENT',
  );
});
