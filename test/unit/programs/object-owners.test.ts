import { expect, test } from 'vitest';
import { notEditableReason } from '../../../server/programs/map-editability.ts';
import { ObjectOwners } from '../../../server/programs/object-owners.ts';
import type { TimedScan } from '../../../server/programs/scanner.ts';

const scan = (found: Partial<TimedScan>): TimedScan => ({
  attachments: [],
  links: [],
  pins: [],
  holders: [],
  unread: [],
  atMs: 0,
  own: { program: new Set(), map: new Set(), link: new Set() },
  ...found,
});
const ours = { pins: '/sys/fs/bpf/podlane', programIds: () => [1, 2] };
const link = (id: number, programId: number): TimedScan['links'][number] => ({
  link: { id, programId, type: 'tcx', attachType: 'tcx_ingress', at: { kind: 'device', ifindex: 7 } },
  target: 'eth0',
  device: null,
});

test('the datapath, what is pinned below our pins, and what this process holds are ours', () => {
  const owners = new ObjectOwners(
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
  expect(owners.program(1).owner).toEqual({ kind: 'ours', what: 'datapath' });
  expect(owners.program(5).owner).toEqual({ kind: 'ours', what: 'user of a pod' });
  expect(owners.program(7).owner).toEqual({ kind: 'ours', what: 'agent' });
  expect(owners.map(6, []).owner).toEqual({ kind: 'ours', what: 'datapath' });
  expect(owners.map(9, [3, 1]).owner).toEqual({ kind: 'ours', what: 'datapath' });
  expect(owners.map(8, []).owner).toEqual({
    kind: 'pin',
    path: '/sys/fs/bpf/podlane-of-others/maps/counters',
  });
});

test('a process is told before a pin; a program is also whose link holds it', () => {
  const owners = new ObjectOwners(
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

test('what nobody was found to have is unknown, and why', () => {
  const attachment = {
    kind: 'tc',
    hook: 'tc/ingress',
    target: 'eth0',
    device: null,
    position: 0,
    of: 1,
  } as const;
  const owners = new ObjectOwners(
    ours,
    scan({ attachments: [{ programId: 12, ...attachment, linkId: null, priority: 1 }] }),
  );
  expect(owners.program(12).owner).toEqual({
    kind: 'unknown',
    why: 'no process was found that holds it, and it is not pinned: tc/ingress of eth0 keeps it',
  });
  expect(owners.map(13, [12]).owner).toEqual({
    kind: 'unknown',
    why: 'only programs were found that hold it: 12',
  });
});

test.each([
  [{}, null],
  [{ owner: { kind: 'process', pid: 4, name: 'x' } }, 'it is not ours: process 4 (x) has it'],
  [
    { frozen: true },
    'it is constant: the verifier took its values for granted when the programs were loaded',
  ],
  [
    { flagNames: ['mmapable'] },
    'programs and its owner share its memory: a write between theirs would be lost, or undo theirs',
  ],
  [{ name: 'draft_policies' }, 'it is compiled from the access rules as a whole: change the rules'],
  [{ name: 'policies', owner: { kind: 'ours', what: 'user of a pod' } }, null],
  [
    { name: 'fragments' },
    'our programs keep their own state in it, which must agree with what they have elsewhere',
  ],
  [
    { perCpu: true, type: 'percpu_hash' },
    'programs count in it, on each CPU: what is written over would be lost',
  ],
  [{ type: 'ringbuf', notListed: 'a ring buffer' }, 'a ring buffer'],
  [{ type: 'prog_array' }, 'a map of type prog_array holds no values, but other objects'],
  [{ btfId: null }, 'its types are not known: it was made without BTF'],
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
    notEditableReason({ ...map, btfId: 3, owner: { kind: 'ours', what: 'datapath' }, ...more } as never),
  ).toBe(why);
});
