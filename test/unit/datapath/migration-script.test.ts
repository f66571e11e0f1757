import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { migrationSteps } from '../../../contract/migration.ts';
import { defaultPacketChecks } from '../../../contract/packet-checks.ts';
import type { CarriedProgram } from '../../../server/datapath/device/carried-programs.ts';
import { podlaneProgramHooks } from '../../../server/datapath/device/program-hooks.ts';
import type { MigrationPlanInput } from '../../../server/datapath/migration/plan-input.ts';
import { formatPlanScript } from '../../../server/datapath/migration/plan-script.ts';
import { planMigrationSteps } from '../../../server/datapath/migration/step-list.ts';
import type { KernelRoute } from '../../../server/netlink/route-message.ts';
import { createEmptyRouteMetrics } from '../../../server/netlink/route-metrics.ts';

const route = (more: Partial<KernelRoute>): KernelRoute => ({
  family: 'ipv4',
  type: 'unicast',
  destination: 'default',
  table: 254,
  protocol: 3,
  scope: 'global',
  typeOfService: 0,
  preferredSource: null,
  metric: null,
  mtu: null,
  metrics: createEmptyRouteMetrics(),
  preference: null,
  gateway: '169.254.1.1',
  ifindex: 7,
  nextHops: [{ gateway: '169.254.1.1', ifindex: 7, onlink: true, dead: false, linkdown: true, weight: 1 }],
  nextHopId: null,
  ...more,
});

/** Names that the kernel takes and a shell would read otherwise; a pod chooses its interface's name. */
const interfaceNames = ['eth0', "e'th", 'e$(id)', 'a;b', 'a&b', 'a`b`', '*', '-x', 'a"b', '#a', 'a|b>c'];
const interfaceName = fc.constantFrom(...interfaceNames);

const foreignProgram = (hooks: MigrationPlanInput['device']['hooks']): fc.Arbitrary<CarriedProgram> =>
  fc
    .record({
      id: fc.nat(9999),
      name: fc.constantFrom('', 'guard'),
      direction: fc.constantFrom('egress' as const, 'ingress' as const),
      beforeOurs: fc.boolean(),
      filter: fc.constant(null),
      byUser: fc.boolean(),
    })
    .map(({ byUser, ...program }) => ({
      ...program,
      hook: podlaneProgramHooks[hooks][program.direction],
      user: byUser
        ? {
            owner: 3,
            number: 1,
            direction: program.direction,
            place: program.beforeOurs ? 'before' : 'after',
            programId: program.id,
            path: '/sys/fs/bpf/pod lane/users/3-1',
          }
        : undefined,
    }));

const plan: fc.Arbitrary<MigrationPlanInput> = fc
  .record({
    from: fc.constantFrom('veth' as const, 'netkit' as const),
    to: fc.constantFrom('veth' as const, 'netkit' as const),
    hooks: fc.constantFrom('netkit' as const, 'tcx' as const, 'tc' as const),
    mode: fc.constantFrom('l2' as const, 'l3' as const),
    addresses: fc.constantFrom(
      ['10.42.0.2/32'],
      ['fd42::2/128'],
      ['10.42.0.2/32', 'fd42::2/128', 'fd42::3/128'],
    ),
    name: interfaceName,
    netns: fc.constantFrom('/run/netns/cart', '/var/run/netns/a b', '/proc/7/ns/net', "/run/netns/c'd"),
    liveRename: fc.boolean(),
    ipv6: fc.boolean(),
    macs: fc.boolean(),
    tos: fc.constantFrom(0, 16),
  })
  .chain(({ from, to, hooks, mode, addresses, name, netns, liveRename, ipv6, macs, tos }) =>
    fc.array(foreignProgram(hooks), { maxLength: 3 }).map((carriedPrograms): MigrationPlanInput => {
      const end = (kind: 'veth' | 'netkit', slot: number, peer: string) => ({
        kind,
        slot,
        primary: { name: `pl${slot}`, ifindex: 2 * slot },
        peer: { name: peer, ifindex: 2 * slot + 1 },
      });
      return {
        adopted: false,
        sysctlsAfterTraffic: {
          pod: [{ tree: 'net/ipv6/conf', name: 'accept_dad', value: '1' }],
          host: [],
        },
        reversePath: { pod: { all: '0', own: '0' }, host: { all: '0', own: '0' } },
        from: end(from, 4, name),
        to: end(to, 5, 'pn5'),
        device: {
          hooks,
          primaryMac: to === 'veth' || macs ? '02:00:00:00:00:01' : null,
          peerMac: to === 'veth' || macs ? '02:00:00:00:00:02' : null,
        },
        policy: { primary: 'forward', peer: 'blackhole' },
        netns,
        names: { pod: name, host: 'pl3' },
        alias: 'shop/cart',
        network: {
          addresses: [...addresses],
          routes: [],
          interface: name,
          mtu: 1500,
          checks: defaultPacketChecks,
          netkit: {
            mode,
            policy: { primary: 'forward', peer: 'blackhole' },
            scrub: { primary: 'none', peer: 'default' },
          },
        },
        addresses,
        podRoutes: [route({ typeOfService: tos })],
        hostRoutes: [
          route({
            family: 'ipv6',
            gateway: null,
            metric: 1024,
            nextHops: [{ gateway: null, ifindex: 7, onlink: false, dead: true, linkdown: false, weight: 1 }],
          }),
        ],
        carriedPrograms,
        pins: '/sys/fs/bpf/pod lane',
        slotEntry: { owner: 3, address4: '10.42.0.2', hooks: 'device', redirect: true, macs: null },
        liveRename,
        ipv6,
      };
    }),
  );

const scriptOf = (input: MigrationPlanInput): string =>
  formatPlanScript({ namespace: 'shop', name: 'cart', kind: input.to.kind }, planMigrationSteps(input));

test('the script of every plan is one that a shell can read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-scripts-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const plans = fc.sample(plan, 300);
  for (const [index, input] of plans.entries()) writeFileSync(join(folder, String(index)), scriptOf(input));
  const check = 'for script in "$0"/*; do sh -n "$script" || echo "$script"; done';
  const { stdout, stderr } = spawnSync('sh', ['-c', check, folder], { encoding: 'utf8' });
  expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
}, 60_000);

test('a shell expands nothing in the names of a plan', () => {
  const [input] = fc.sample(plan, { numRuns: 1, seed: 1 });
  if (!input) throw new Error('no sample');
  const prints = interfaceNames.map((name) => {
    const named = {
      ...input,
      names: { pod: name, host: 'pl1' },
      liveRename: true,
      netns: '/run/netns/c',
    };
    const command = scriptOf(named)
      .split(/\n| && | \|\| /)
      .find((each) => each.includes('link set pn5 name'));
    return (command ?? '').replace(/^ip -n c link set pn5 name/, "printf '%s\\n'");
  });
  const { stdout } = spawnSync('sh', { input: prints.join('\n'), encoding: 'utf8' });
  expect(stdout.split('\n').slice(0, -1)).toEqual(interfaceNames);
});

test('the script holds each command once, in the order of the steps, and each step as a comment', () => {
  const [input] = fc.sample(plan, { numRuns: 1, seed: 2 });
  if (!input) throw new Error('no sample');
  const steps = planMigrationSteps(input);
  expect(steps.map(({ step }) => step)).toEqual(migrationSteps);
  const lines = scriptOf(input).split('\n');
  expect(lines.filter((line) => line !== '' && !line.startsWith('#') && line !== 'set -e')).toEqual(
    steps.flatMap(({ requests }) => requests.map(({ command }) => command)),
  );
  expect(lines.filter((line) => /^# \d+ /.test(line))).toEqual(
    steps.map(({ step, description }, index) => `# ${index + 1} ${step}: ${description}`),
  );
});

test('a route keeps its type of service, and loses the flags that the kernel sets', () => {
  const [input] = fc.sample(plan, { numRuns: 1, seed: 3 });
  if (!input) throw new Error('no sample');
  const script = scriptOf({ ...input, netns: '/run/netns/c', podRoutes: [route({ typeOfService: 16 })] });
  expect(script).toContain('ip -n c route replace default tos 0x10 via 169.254.1.1 dev pn5 onlink\n');
  expect(script).toContain('ip -6 route replace default dev pl5 metric 1024\n');
});
