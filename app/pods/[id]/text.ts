/** Interface texts of a pod's page outside of its sections. */
export const podText = {
  notFound: 'No such pod',
  allPods: 'All pods of this node',
  reading: 'Reading the pod',

  namespace: 'namespace',
  address: 'address',
  addresses: 'addresses',
  up: 'up',
  gone: 'gone',
  fallbackDetail: 'Attach fallback: its own hooks have no program of Podlane',
  requestsSucceeded: 'requests succeeded',
  requestsFailed: 'failed',
  requestsDetail: 'Counted by the pod’s test traffic since it started',
  netnsGone: 'Its network namespace is gone. The values shown are the last ones read.',
  deviceGone: 'The kernel no longer has its device: the pod has no network.',
  showMigration: 'Show migration',
  trace: 'Trace',
  link: 'the link to this pod',
} as const;

export const formatAttachedTime = (time: string): string => `attached ${time}`;
export const formatOnDeviceKind = (kind: string): string => `on ${kind}`;
export const formatSinceTime = (time: string): string => `since ${time}`;
export const formatProgramsOnHooks = (family: string): string => `· programs on ${family}`;
