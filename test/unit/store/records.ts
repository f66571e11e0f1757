import type { Migration } from '../../../contract/migration.ts';
import { podNetworkSchema } from '../../../contract/pod-network.ts';

export const node = { name: 'here', bootId: '00000000-0000-0000-0000-000000000000' };

export const newPod = (name: string, address = `10.42.0.${name.length}/32`) => ({
  id: `id-${name}`,
  namespace: 'shop',
  name,
  labels: { app: name },
  netnsPath: `/run/netns/${name}`,
  netnsInode: 4026532000n,
  network: podNetworkSchema.parse({ addresses: [address] }),
});

export const newDevice = (podId: string, slot: number) => ({
  podId,
  kind: 'veth' as const,
  hooks: 'tcx' as const,
  slot,
  primaryName: `pl${slot}`,
  primaryMac: '02:00:00:00:00:01',
  peerMac: null,
});

const end = (slot: number) => ({
  kind: 'veth' as const,
  slot,
  primary: { name: `pl${slot}`, ifindex: 1048576 + 2 * slot },
  peer: { name: 'eth0', ifindex: 1048577 + 2 * slot },
});

export const newMigration = (id: string, podName: string): Migration => ({
  id,
  number: 0,
  podId: `id-${podName}`,
  podNamespace: 'shop',
  podName,
  direction: 'fallback',
  from: end(1),
  to: end(2),
  actor: 'local',
  state: 'running',
  startedAt: new Date(0).toISOString(),
  endedAt: null,
  durationMs: null,
  steps: [
    {
      step: 'planned',
      description: 'Check and write the journal',
      undoable: true,
      requests: [{ words: 'read the devices', command: 'ip link' }],
      state: 'running',
      startedMs: 0,
      durationMs: null,
    },
  ],
  result: null,
  error: null,
});
