/** Interface texts of the settings page. */
export const settingsText = {
  podsWatched: (pods: number, noun: string) => `${pods} ${noun} watched`,
  podsFallenBack: (pods: number) => `${pods} moved to veth`,
  podsNeedingAttention: (pods: number) => `${pods} need attention`,
  podsWithOverrides: (pods: number) => `${pods} with their own thresholds`,
  automaticFallback: 'Automatic fallback',
  fallbackAcceptsLoss:
    'The automatic fallback accepts every loss: it moves an unhealthy pod to veth even if some of its network state is changed or lost by that. Only what refuses a migration keeps the pod on netkit.',
  runtimes: 'Container runtimes',
  observeModes: {
    programs: 'Pods of others are observed, and counted by a program at their host ends.',
    statistics: 'Pods of others are observed, and counted by the kernel’s statistics; nothing is attached.',
    off: 'Pods of others are not observed (--observe off).',
  },
  observedPods: 'Observed pods',
  noRuntimes: 'No runtime was found. Pods of others are known by their network namespaces all the same.',
  lookedFor: (paths: readonly string[]) =>
    paths.length === 0 ? '' : `Also looked for, and not there: ${paths.join(', ')}`,
  namedPods: (pods: number) => `${pods} ${pods === 1 ? 'pod' : 'pods'} named`,
  unreachable: (detail: string) => `does not answer: ${detail}`,
  kubernetesTitle: 'Kubernetes',
  kubernetesOff:
    'This agent follows no cluster. Start it with --kubernetes to take names, labels and NetworkPolicies from one.',
  kubernetesStates: {
    off: () => 'Not watched.',
    connecting: (time: string) =>
      `Not reached so far, since ${time}. Pods are attached once the NetworkPolicies of the cluster are known; what the kernel enforces stays.`,
    connected: (time: string) => `Connected since ${time}.`,
    disconnected: (time: string) =>
      `Not reached since ${time}. Names, labels and NetworkPolicies are those of then and stay applied.`,
  },
  apiServer: 'API server',
  nodeName: 'node',
  policies: 'NetworkPolicies',
  policyCounts: (applied: string, refused: string, waiting: string) =>
    `${applied} applied, ${refused} refused, ${waiting} waiting`,
  statusForbidden: (error: string) =>
    `The state of policies is not written back to them, which the cluster forbids: ${error}`,
  watches: 'Watched objects',
  watchColumns: ['objects', 'state', 'known', 'last heard'],
  watchStates: {
    off: 'not needed',
    starting: 'being read',
    live: 'live',
    stale: 'stale: as last heard',
  },
  never: 'never',
  noPolicies: 'No NetworkPolicy of the cluster isolates a pod of this node.',
  policyColumns: ['policy', 'state', 'rules'],
  refusedBecause: (reason: string) => `refused, as before: ${reason}`,
  morePolicies: (more: string) => `and ${more} more`,
  settings: 'Settings',
  redirectTitle: 'Same-node redirect',
  redirectLabel: 'Redirect same-node traffic',
  redirectDetail: (reason: string) =>
    `Packets between pods on this node bypass the host stack and its netfilter rules, except those of connections whose addresses the host translates (services). Takes effect immediately; when off, the host routes them.${reason}`,
  settingsIntro: 'Node settings. Applied immediately and kept across agent restarts.',
};
