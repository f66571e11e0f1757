import { expect, test } from 'vitest';
import type { TimedNodeScan } from '../../../server/programs/bpf-scanner.ts';
import { explainNotEditable } from '../../../server/programs/map-editability.ts';
import { BpfObjectOwners } from '../../../server/programs/object-owners.ts';

const scan = (found: Partial<TimedNodeScan>): TimedNodeScan => ({
  attachments: [],
  links: [],
  pins: [],
  holders: [],
  unread: [],
  atMs: 0,
  own: { program: new Set(), map: new Set(), link: new Set() },
  added: { program: new Set(), map: new Set(), link: new Set() },
  ...found,
});
const ours = { pins: '/sys/fs/bpf/podlane', programIds: () => [1, 2] };
const link = (id: number, programId: number): TimedNodeScan['links'][number] => ({
  link: { id, programId, type: 'tcx', attachType: 'tcx_ingress', at: { kind: 'device', ifindex: 7 } },
  target: 'eth0',
  device: null,
});

test('the datapath, objects below our pins, and objects held by this process are ours', () => {
  const owners = new BpfObjectOwners(
    ours,
    scan({
      pins: [
        { kind: 'program', id: 5, path: '/sys/fs/bpf/podlane/users/1/program' },
        { kind: 'map', id: 6, path: '/sys/fs/bpf/podlane/maps/counters' },
        { kind: 'map', id: 8, path: '/sys/fs/bpf/podlane-of-others/maps/counters' },
      ],
      own: { program: new Set([7]), map: new Set(), link: new Set() },
    }),
  );
  expect(owners.program(1).owner).toEqual({ kind: 'podlane', what: 'datapath' });
  expect(owners.program(5).owner).toEqual({ kind: 'podlane', what: 'user of a pod' });
  expect(owners.program(7).owner).toEqual({ kind: 'podlane', what: 'agent' });
  expect(owners.map(6, []).owner).toEqual({ kind: 'podlane', what: 'datapath' });
  expect(owners.map(9, [3, 1]).owner).toEqual({ kind: 'podlane', what: 'datapath' });
  expect(owners.map(8, []).owner).toEqual({
    kind: 'pin',
    path: '/sys/fs/bpf/podlane-of-others/maps/counters',
  });
});

test('a process takes precedence over a pin, and the owner of a link owns its program', () => {
  const owners = new BpfObjectOwners(
    ours,
    scan({
      pins: [{ kind: 'program', id: 10, path: '/sys/fs/bpf/x' }],
      holders: [
        { kind: 'program', id: 10, pid: 40, name: 'cilium' },
        { kind: 'link', id: 20, pid: 41, name: 'bpftrace' },
      ],
      links: [link(20, 11)],
    }),
  );
  expect(owners.program(10)).toEqual({
    owner: { kind: 'process', pid: 40, name: 'cilium' },
    holders: [{ pid: 40, name: 'cilium' }],
    pins: ['/sys/fs/bpf/x'],
  });
  expect(owners.program(11).owner).toEqual({ kind: 'process', pid: 41, name: 'bpftrace' });
});

test('an object without holders and pins has an unknown owner, with the reason', () => {
  const attachment = {
    kind: 'tc',
    hook: 'tc/ingress',
    target: 'eth0',
    device: null,
    position: 0,
    of: 1,
  } as const;
  const owners = new BpfObjectOwners(
    ours,
    scan({ attachments: [{ programId: 12, ...attachment, linkId: null, priority: 1 }] }),
  );
  expect(owners.program(12).owner).toEqual({
    kind: 'unknown',
    why: 'not pinned, and no process that holds it was found: tc/ingress of eth0 keeps it',
  });
  expect(owners.map(13, [12]).owner).toEqual({
    kind: 'unknown',
    why: 'held only by programs: 12',
  });
});

test.each([
  [{}, null],
  [{ owner: { kind: 'process', pid: 4, name: 'x' } }, 'it belongs to process 4 (x), not to Podlane'],
  [{ frozen: true }, 'it is constant: the verifier relied on its values when the programs were loaded'],
  [
    { flagNames: ['mmapable'] },
    'programs and its owner write to its memory directly: an edit could be lost, or undo their writes',
  ],
  [{ name: 'staged_policies' }, 'it is compiled from the access rules: change the rules instead'],
  [{ name: 'policies', owner: { kind: 'podlane', what: 'user of a pod' } }, null],
  [{ name: 'fragments' }, 'it holds state of Podlane’s programs that must stay consistent with other maps'],
  [{ perCpu: true, type: 'percpu_hash' }, 'programs count in it on each CPU: an edit would lose counts'],
  [{ type: 'ringbuf', notListed: 'a ring buffer' }, 'a ring buffer'],
  [{ type: 'prog_array' }, 'a map of type prog_array holds references to objects, not values'],
  [{ btfId: null }, 'its types are unknown: it was created without BTF'],
] as const)('a map with %o: %s', (more, why) => {
  const map = {
    type: 'hash',
    name: 'endpoints4',
    perCpu: false,
    frozen: false,
    flagNames: [],
    notListed: null,
  };
  expect(
    explainNotEditable({ ...map, btfId: 3, owner: { kind: 'podlane', what: 'datapath' }, ...more } as never),
  ).toBe(why);
});
