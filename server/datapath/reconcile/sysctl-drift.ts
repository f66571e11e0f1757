import { readSysctl, writeSysctl } from '../../kernel/sysctl.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import type { Drift, DriftContext } from './drift.ts';

/**
 * Compares the primary's sysctls that decide whether the host forwards for the pod. The kernel applies the larger of the
 * values of `all` and of the interface as rp_filter (IN_DEV_RPFILTER, include/linux/inetdevice.h): 1 is strict and 2 is
 * loose, so that an interface with 2 is loose whatever `all` says. IPv6 has no reverse path filter, and forwards by `all`.
 */
export function detectSysctlDrift({ pod }: DriftContext, { name }: NetworkLink): Drift[] {
  if (pod.record.network.addresses.length === 0) return [];
  const path = (setting: string, at = name) => `net/ipv4/conf/${at}/${setting}`;
  const found: Drift[] = [];
  const [all, own] = [readSysctl(path('rp_filter', 'all')), readSysctl(path('rp_filter'))];
  if (Math.max(Number(all), Number(own)) === 1) {
    const loose = all === '1' ? '2' : '0';
    found.push({
      key: 'rp_filter',
      reason: 'rp_filter_strict',
      message: `the reverse path filter of ${name} is strict (rp_filter of all ${all}, of ${name} ${own})`,
      repaired: `repaired: rp_filter of ${name} is ${loose}`,
      repair: () => writeSysctl(path('rp_filter'), loose),
      remedy: `Run: sysctl -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.${name}.rp_filter=0`,
    });
  }
  // With `all` off every interface is off; the node's own reconciliation turns both on.
  if (readSysctl(path('forwarding', 'all')) === '1' && readSysctl(path('forwarding')) !== '1')
    found.push({
      key: 'forwarding',
      reason: 'forwarding_off',
      message: `forwarding of ${name} was turned off; the host does not forward what the pod sends`,
      repair: () => writeSysctl(path('forwarding'), '1'),
      remedy: `Run: sysctl -w net.ipv4.conf.${name}.forwarding=1`,
    });
  return found;
}
