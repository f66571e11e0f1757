/** Interface texts of the settings page. */
export const settingsText = {
  podsWatched: (pods: number, noun: string) => `${pods} ${noun} watched`,
  podsFallenBack: (pods: number) => `${pods} moved to veth`,
  podsNeedingAttention: (pods: number) => `${pods} need attention`,
  podsWithOverrides: (pods: number) => `${pods} with their own thresholds`,
  automaticFallback: 'Automatic fallback',
  fallbackAcceptsLoss:
    'The automatic fallback accepts every loss: it moves an unhealthy pod to veth even if some of its network state is changed or lost by that. Only what refuses a migration keeps the pod on netkit.',
  settings: 'Settings',
  redirectTitle: 'Same-node redirect',
  redirectLabel: 'Redirect same-node traffic',
  redirectDetail: (reason: string) =>
    `Packets between pods on this node bypass the host stack and its netfilter rules, except those of connections whose addresses the host translates (services). Takes effect immediately; when off, the host routes them.${reason}`,
  settingsIntro: 'Node settings. Applied immediately and kept across agent restarts.',
};
