import { existsSync, readdirSync } from 'node:fs';
import type { PodNetwork } from '../../../contract/pod-network.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { readSysctl, writeSysctl } from '../../kernel/sysctl.ts';
import { hasIpv6Address } from './pod-gateways.ts';

/** Enables IPv4 forwarding on the host, and IPv6 forwarding if the pod has an IPv6 address. */
export function enableHostForwarding(network: Pick<PodNetwork, 'addresses'>): void {
  if (network.addresses.length > 0) writeSysctl('net/ipv4/ip_forward', '1');
  if (!hasIpv6Address(network)) return;
  refuseWithoutIpv6();
  if (readSysctl('net/ipv6/conf/all/forwarding') === '1') return;
  keepRouterAdvertisements();
  writeSysctl('net/ipv6/conf/all/forwarding', '1');
}

function refuseWithoutIpv6(): void {
  if (existsSync('/proc/sys/net/ipv6')) return;
  throw new ProblemError('host_not_ready', 'give a pod an IPv6 address: this kernel runs without IPv6', {
    hint: 'Boot without ipv6.disable=1, or give the pod IPv4 addresses only.',
  });
}

/**
 * Sets `accept_ra` from 1 to 2 on the host's devices. A host that forwards ignores router advertisements with 1 and
 * would lose its own default route; with 2 it accepts them (Documentation/networking/ip-sysctl.rst).
 */
function keepRouterAdvertisements(): void {
  for (const device of readdirSync('/proc/sys/net/ipv6/conf'))
    if (device !== 'all' && device !== 'lo' && readSysctl(`net/ipv6/conf/${device}/accept_ra`) === '1')
      writeSysctl(`net/ipv6/conf/${device}/accept_ra`, '2');
}
