/** A CNI network that a containerd is configured with: routed (`ptp`, IPv4) or on a bridge (both families). */
export type CniNetworkType = 'ptp' | 'bridge';

/** Formats a list of CNI plugins of Debian, with addresses by host-local and host ports by portmap. */
export function formatCniNetwork(type: CniNetworkType): string {
  const first =
    type === 'ptp'
      ? { type: 'ptp', ipMasq: true, mtu: 1500, ipam: ipam(['10.77.0.0/24'], ['0.0.0.0/0']) }
      : {
          type: 'bridge',
          bridge: 'cni0',
          isGateway: true,
          ipMasq: true,
          hairpinMode: true,
          ipam: ipam(['10.78.0.0/24', 'fd78::/64'], ['0.0.0.0/0', '::/0']),
        };
  return JSON.stringify({
    cniVersion: '1.0.0',
    name: `lab-${type}`,
    plugins: [first, { type: 'portmap', capabilities: { portMappings: true } }],
  });
}

const ipam = (subnets: readonly string[], destinations: readonly string[]) => ({
  type: 'host-local',
  ranges: subnets.map((subnet) => [{ subnet }]),
  routes: destinations.map((dst) => ({ dst })),
});
