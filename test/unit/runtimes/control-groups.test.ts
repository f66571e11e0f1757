import { expect, test } from 'vitest';
import { parseControlGroupHierarchies } from '../../../scripts/runtimes/isolated-host/control-groups.ts';

test('hierarchies of both versions are found with what another mount of them needs', () => {
  const mounts = [
    'tmpfs /sys/fs/cgroup tmpfs rw,nosuid,nodev,noexec,mode=755 0 0',
    'cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0',
    'cgroup /sys/fs/cgroup/systemd cgroup rw,nosuid,nodev,noexec,relatime,xattr,name=systemd 0 0',
    'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0',
    'cgroup /mnt/pids cgroup rw,pids 0 0',
    '',
  ].join('\n');
  expect(parseControlGroupHierarchies(mounts)).toEqual([
    { type: 'cgroup2', path: '/sys/fs/cgroup/unified', options: 'rw' },
    { type: 'cgroup', path: '/sys/fs/cgroup/systemd', options: 'none,name=systemd' },
    { type: 'cgroup', path: '/sys/fs/cgroup/cpu,cpuacct', options: 'cpu,cpuacct' },
  ]);
});

test('a machine with version 2 only has one hierarchy', () => {
  expect(
    parseControlGroupHierarchies('cgroup2 /sys/fs/cgroup cgroup2 rw,relatime,memory_recursiveprot 0 0\n'),
  ).toEqual([{ type: 'cgroup2', path: '/sys/fs/cgroup', options: 'rw' }]);
});
