import type { AgentEventType } from '../../../../contract/agent-event.ts';

/** Interface texts of the section about a pod's events. */
export const eventsText = {
  title: 'Events',
  none: 'No events.',
  warning: 'warning',
} as const;

export const formatShowAllEventsLabel = (events: number): string => `Show all ${events}`;
export const formatShowLatestEventsLabel = (events: number): string => `Show latest ${events}`;

const eventLabels: Record<AgentEventType, string> = {
  'agent.started': 'agent started',
  'pod.attached': 'attached',
  'pod.detached': 'detached',
  'pod.gone': 'gone',
  'cni.failed': 'container not added',
  'cni.fallback': 'veth instead of netkit',
  'migration.done': 'migrated',
  'migration.undone': 'migration rolled back',
  'migration.failed': 'migration failed',
  'migration.recovered': 'migration completed after a restart',
  'batch.started': 'batch started',
  'batch.paused': 'batch paused',
  'batch.resumed': 'batch resumed',
  'batch.interrupted': 'batch interrupted',
  'batch.stopped': 'batch stopped',
  'batch.done': 'batch done',
  'build.added': 'build added',
  'build.removed': 'build removed',
  'build.activated': 'build activated',
  'build.undone': 'build activation rolled back',
  'build.newer': 'newer build installed',
  'program.attached': 'program attached',
  'program.detached': 'program detached',
  'hooks.moved': 'programs moved',
  'checks.changed': 'packet checks changed',
  'guard.repaired': 'guard repaired',
  'guard.fallback': 'guard fell back to veth',
  'guard.left-alone': 'automatic recovery stopped',
  'guard.resumed': 'guard resumed',
  'guard.changed': 'guard changed',
  'map.edited': 'map entry edited',
  'rules.applied': 'rules applied',
  'rules.learning': 'connections learned',
  'rules.removed': 'rules removed',
  'rules.staged': 'rules staged',
  'rules.failed': 'rules not active',
  'rules.restored': 'rules restored',
  'policies.applied': 'NetworkPolicies applied',
  'policies.refused': 'NetworkPolicy refused',
  'kubernetes.connected': 'Kubernetes connected',
  'kubernetes.lost': 'Kubernetes not reached',
  'pod.changed': 'pod changed',
  'state.adopted': 'adopted from the kernel',
  'state.reset': 'reset',
  drift: 'drift',
};

/** Returns the label of an event type; an unknown type is its own label. */
export const formatEventLabel = (type: AgentEventType): string => eventLabels[type] ?? type;
