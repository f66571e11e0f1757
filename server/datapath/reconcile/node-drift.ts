import { readSysctl } from '../../kernel/sysctl.ts';
import type { DatapathContext } from '../datapath-context.ts';
import { enableHostForwarding } from '../device/host-forwarding.ts';
import { hasIpv6Address } from '../device/pod-gateways.ts';
import { reversePathSysctl } from '../device/reverse-path-filter.ts';
import { isPodLeaving } from '../pod-activity.ts';
import type { Drift } from './drift.ts';
import type { ForeignDevices } from './foreign-devices.ts';

/**
 * Compares the node with what its pods need: the pins that keep programs and maps alive, and forwarding, which Podlane
 * turns on when it attaches a pod. A strict reverse path filter of all interfaces is the node's own: primaries have the
 * value 2, which the kernel prefers, but a
 * migration is refused.
 * @param foreignDevices finds those on slots of this agent
 * @param pinsRestored called after the pins of maps and programs were restored: those of links, which keep programs on
 * their hooks, are probably gone too
 */
export async function detectNodeDrift(
  { kernel, registry }: DatapathContext,
  foreignDevices: ForeignDevices,
  pinsRestored: () => void,
): Promise<Drift[]> {
  const addresses = registry
    .all()
    .filter((pod) => !isPodLeaving(pod))
    .flatMap(({ record }) => record.network.addresses);
  const found: Drift[] = [];
  const unpinned = kernel.programs.missingPins();
  if (unpinned.length > 0)
    found.push({
      key: 'pins',
      reason: 'bpffs_missing',
      message: `${unpinned.length === 1 ? 'the pin' : `${unpinned.length} pins, among them`} ${unpinned[0]} ${unpinned.length === 1 ? 'is' : 'are'} gone: they were removed, or the BPF file system was unmounted`,
      repair: () => {
        kernel.programs.restorePins();
        pinsRestored();
      },
      remedy: `Run: mount -t bpf bpf /sys/fs/bpf. Nothing else may write to ${kernel.programs.pins}.`,
    });
  const foreign = await foreignDevices.detect();
  if (foreign !== null) found.push(foreign);
  if (addresses.length === 0) return found;
  if (readSysctl('net/ipv4/ip_forward') !== '1')
    found.push(forwardingDrift('net.ipv4.ip_forward', 'IPv4', () => enableHostForwarding({ addresses })));
  if (hasIpv6Address({ addresses }) && readSysctl('net/ipv6/conf/all/forwarding') !== '1')
    found.push(
      forwardingDrift('net.ipv6.conf.all.forwarding', 'IPv6', () => enableHostForwarding({ addresses })),
    );
  if (readSysctl(reversePathSysctl('all')) === '1')
    found.push({
      key: 'rp_filter',
      reason: 'rp_filter_strict',
      message:
        'the reverse path filter of all interfaces is strict (net.ipv4.conf.all.rp_filter is 1): migrations are refused, since a pod has two devices meanwhile; the primaries have 2, which the kernel prefers',
      repair: null,
      remedy:
        'Run: sysctl -w net.ipv4.conf.all.rp_filter=0, and set it so below /etc/sysctl.d. Single interfaces may be strict.',
    });
  return found;
}

const forwardingDrift = (sysctl: string, family: string, repair: () => void): Drift => ({
  key: `forwarding ${family}`,
  reason: 'forwarding_off',
  message: `${family} forwarding of the node was turned off (${sysctl} is 0): no packet passes between pods and the outside`,
  repair,
  remedy: `Find what sets ${sysctl}=0, such as a file below /etc/sysctl.d, and remove it. Run: sysctl -w ${sysctl}=1`,
});
