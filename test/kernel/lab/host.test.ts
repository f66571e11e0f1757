import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { openNetworkNamespace } from '../../../server/kernel/netns.ts';
import { createLabHost, removeLabHost } from '../../../server/lab/lab-host.ts';
import { formatLabHostNetnsName, labOutsideService } from '../../../server/lab/lab-topology.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';

const lab = `t-${process.pid.toString(36)}`;
const ours = () => readdirSync('/run/netns').filter((name) => name.startsWith(`podlane-${lab}`));

test('the lab’s host namespace forwards, reaches outside, and leaves nothing when it is removed', async () => {
  onTestFinished(() => removeLabHost(lab));
  const forwarding = readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8');
  await createLabHost(lab, { own: true });

  const ping = ['ping', '-q', '-c', '3', '-i', '0.02', '-W', '2', labOutsideService.address];
  expect(
    execFileSync('nsenter', [`--net=/run/netns/${formatLabHostNetnsName(lab)}`, ...ping], {
      encoding: 'utf8',
    }),
  ).toContain(' 0% packet loss');
  using host = openNetworkNamespace(`/run/netns/${formatLabHostNetnsName(lab)}`);
  const read = (file: string) =>
    runInNetworkNamespace(host.fd, () => readFileSync(`/proc/sys/net/ipv4/${file}`, 'utf8'));
  expect(read('ip_forward')).toBe('1\n');
  expect(read('conf/all/rp_filter')).toBe('0\n');
  expect(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8')).toBe(forwarding);

  removeLabHost(lab);
  expect(ours()).toEqual([]);
  expect(existsSync(`/run/netns/${formatLabHostNetnsName(lab)}`)).toBe(false);
});
