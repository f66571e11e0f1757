import { describe, expect, test } from 'vitest';
import { type HookMove, planHookMove } from '../../../app/pods/[id]/_programs/hook-move-steps.ts';
import { isAttachFallback } from '../../../app/pods/[id]/attach-fallback.ts';
import type { AttachedProgram, Hook } from '../../../contract/device.ts';

const program = (hook: Hook, more: Partial<AttachedProgram> = {}): AttachedProgram => ({
  hook,
  position: 0,
  id: 412,
  name: 'from_pod',
  tag: '9f3c81d200000000',
  ours: true,
  linkId: 7,
  loadedAt: null,
  runCount: null,
  runTimeNs: null,
  nsPerRun: null,
  verifiedInstructions: null,
  jitedBytes: 0,
  ...more,
});
const end = (name: string, ifindex: number) => ({
  name,
  ifindex,
  altnames: [],
  mtu: 1500,
  mac: null,
  up: true,
});
const move = (
  more: Omit<Partial<HookMove>, 'device'> & { device?: Partial<HookMove['device']> } = {},
): HookMove => ({
  to: 'primary',
  primaryHooks: 'tcx',
  policy: { primary: 'forward', peer: 'blackhole' },
  ...more,
  device: {
    primary: end('pl32', 1048640),
    peer: end('eth0', 1048641),
    hooks: 'netkit',
    policy: { primary: 'forward', peer: 'blackhole' },
    programs: [program('netkit/peer', { linkId: 7 }), program('netkit/primary', { linkId: 8 })],
    ...more.device,
  },
});
const commands = (what: HookMove) => planHookMove(what).map((step) => step.commands);

describe('moving programs between hooks', () => {
  test('attaches to the new hooks before it detaches from the old, and opens the policy in between', () => {
    expect(planHookMove(move()).map(({ title }) => title)).toEqual([
      'Attach new',
      'Switch counters',
      'Policy',
      'Detach old',
    ]);
    expect(commands(move())).toEqual([
      [
        'bpf(BPF_LINK_CREATE, {target_ifindex = 1048640, attach_type = BPF_TCX_EGRESS})',
        'bpf(BPF_LINK_CREATE, {target_ifindex = 1048640, attach_type = BPF_TCX_INGRESS})',
      ],
      [],
      ['ip link set dev pl32 type netkit forward peer forward'],
      ['bpftool link detach id 7', 'bpftool link detach id 8'],
    ]);
  });

  test('restores the configured policy when moving back', () => {
    const back = move({
      to: 'device',
      device: {
        hooks: 'tcx',
        policy: { primary: 'forward', peer: 'forward' },
        programs: [program('tcx/ingress')],
      },
    });
    expect(commands(back)[2]).toEqual(['ip link set dev pl32 type netkit forward peer blackhole']);
    expect(commands(back)[3]).toEqual(['bpftool link detach id 7']);
  });

  test('leaves a policy that is already set, and foreign programs', () => {
    const open = { primary: 'forward', peer: 'forward' } as const;
    const foreign = program('netkit/peer', { ours: false, linkId: 99 });
    const [, , policy, detach] = planHookMove(move({ device: { policy: open, programs: [foreign] } }));
    expect(policy?.commands).toEqual([]);
    expect(policy?.detail).toMatch(/^Unchanged/);
    expect(detach?.commands).toEqual([]);
  });

  test('uses clsact on a kernel without tcx', () => {
    expect(commands(move({ primaryHooks: 'tc' }))[0]).toEqual(['tc qdisc replace dev pl32 clsact']);
  });
});

test('attach fallback is a netkit device with its programs on the primary', () => {
  expect(isAttachFallback({ kind: 'netkit', hooks: 'tcx' })).toBe(true);
  expect(isAttachFallback({ kind: 'netkit', hooks: 'netkit' })).toBe(false);
  expect(isAttachFallback({ kind: 'veth', hooks: 'tcx' })).toBe(false);
});
