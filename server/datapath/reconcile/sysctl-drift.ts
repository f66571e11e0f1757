import { readSysctl, writeSysctl } from '../../kernel/sysctl.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import {
  chooseFilterValue,
  isStrictReversePathFilter,
  readReversePathFilter,
  reversePathSysctl,
} from '../device/reverse-path-filter.ts';
import type { Drift, DriftContext } from './drift.ts';

/**
 * Compares the primary's sysctls that decide whether the host forwards for the pod. IPv6 has no reverse path filter,
 * and forwards by `all`.
 */
export function detectSysctlDrift({ pod }: DriftContext, { name }: NetworkLink): Drift[] {
  if (pod.record.network.addresses.length === 0) return [];
  const path = (setting: string, at = name) => `net/ipv4/conf/${at}/${setting}`;
  const found: Drift[] = [];
  const filter = readReversePathFilter(name);
  if (isStrictReversePathFilter(filter)) {
    const { all, own } = filter;
    const loose = chooseFilterValue(all);
    found.push({
      key: 'rp_filter',
      reason: 'rp_filter_strict',
      message: `the reverse path filter of ${name} is strict (rp_filter of all ${all}, of ${name} ${own})`,
      repaired: `repaired: rp_filter of ${name} is ${loose}`,
      repair: () => writeSysctl(reversePathSysctl(name), loose),
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
