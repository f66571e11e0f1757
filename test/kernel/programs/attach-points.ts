import { expect } from 'vitest';
import type { BpfDevice, BpfProgram } from '../../../contract/program.ts';
import type { ForeignObjects } from './foreign-objects.ts';

/** Expects programs of others where `attachOthers` put them. `before` run at the device's hook before theirs. */
export function expectForeignObjects(
  told: readonly BpfProgram[],
  others: ForeignObjects,
  at: { hook: string; device: Pick<BpfDevice, 'ifindex' | 'name'>; before: number },
): void {
  const namespace = expect.objectContaining({ host: true, pod: null, name: 'host' });
  const loopback = { ifindex: 1, name: 'lo', namespace };
  const alone = { position: 0, of: 1 };
  const atDevice = {
    kind: at.hook.split('/')[0],
    hook: at.hook,
    target: at.device.name,
    device: { ...at.device, namespace },
    of: at.before + 2,
    linkId: expect.any(Number),
  };
  const calls = `map ${others.maps.calls} t_calls[3], for tail calls`;
  const places: Record<keyof ForeignObjects['programs'], object | null> = {
    xdp: { kind: 'xdp', hook: 'xdp/generic', target: 'lo', device: loopback, ...alone },
    device: { ...atDevice, position: at.before },
    behind: { ...atDevice, position: at.before + 1 },
    filter: { kind: 'tc', hook: 'tc/egress', device: loopback, ...alone, priority: 9, linkId: null },
    cgroup: { kind: 'cgroup', hook: 'cgroup_inet_egress', target: others.cgroup, ...alone },
    tracepoint: { kind: 'raw_tracepoint', target: 'kfree_skb', device: null, position: null },
    tailCalled: { kind: 'other', hook: 'prog_array', target: calls },
    socket: null,
  };
  for (const [name, place] of Object.entries(places)) {
    const each = told.find(({ id }) => id === others.programs[name as keyof ForeignObjects['programs']]);
    expect(each, name).toMatchObject({
      attachments: place === null ? [] : [place],
      attachmentCount: place === null ? 0 : 1,
      notAttached: place === null ? expect.stringContaining('which sockets') : null,
    });
  }
}
