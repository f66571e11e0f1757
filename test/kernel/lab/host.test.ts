import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { openNamespace, withNamespace } from '../../../server/kernel/netns.ts';
import { makeHost, removeHost } from '../../../server/lab/host.ts';
import { hostNetns, outside } from '../../../server/lab/names.ts';

const lab = `t-${process.pid.toString(36)}`;
const ours = () => readdirSync('/run/netns').filter((name) => name.startsWith(`podlane-${lab}`));

test('the lab’s host namespace forwards, reaches outside, and leaves nothing when it is removed', async () => {
  onTestFinished(() => removeHost(lab));
  const forwarding = readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8');
  await makeHost(lab, { own: true });

  const ping = ['ping', '-q', '-c', '3', '-i', '0.02', '-W', '2', outside.address];
  expect(
    execFileSync('nsenter', [`--net=/run/netns/${hostNetns(lab)}`, ...ping], { encoding: 'utf8' }),
  ).toContain(' 0% packet loss');
  using host = openNamespace(`/run/netns/${hostNetns(lab)}`);
  const read = (file: string) =>
    withNamespace(host.fd, () => readFileSync(`/proc/sys/net/ipv4/${file}`, 'utf8'));
  expect(read('ip_forward')).toBe('1\n');
  expect(read('conf/all/rp_filter')).toBe('0\n');
  expect(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8')).toBe(forwarding);

  removeHost(lab);
  expect(ours()).toEqual([]);
  expect(existsSync(`/run/netns/${hostNetns(lab)}`)).toBe(false);
});
