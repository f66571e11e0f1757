import { execFileSync } from 'node:child_process';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Migration, type MigrationStep, migrationSteps } from '../contract/migration.ts';
import type { Pod } from '../contract/pod.ts';
import { startTestTraffic } from '../test/testbed/masqueraded-traffic.ts';
import { NamespaceShell } from '../test/testbed/network-state/namespace-shell.ts';
import { startTestNode, type TestNode } from '../test/testbed/node.ts';
import {
  formatLinkLines,
  formatNodePortChains,
  linkAddresses,
  nodePort,
  nodePortPod,
} from '../test/testbed/node-port.ts';
import {
  createPodMover,
  describeFailure,
  families,
  migrateWhilePinging,
  type PingEnd,
  type PingPlan,
  type TellFigure,
  tellLosses,
  tellWallTime,
} from './pinged-migrations.ts';
import { type BenchReporter, createJsonLinesReporter, summarizeRuns } from './report.ts';

/** A node with the pod that is migrated, another pod, and a machine outside, from which the host forwards to pods. */
interface Place {
  node: TestNode;
  moved: Pod;
  other: Pod;
  /** Path of the network namespace of the machine outside. */
  outside: string;
}

/** What a setting does while the pod is migrated. */
interface Running extends AsyncDisposable {
  /** Runs beside a migration, and begins with it. @param index number of the migrations before */
  during?(index: number): Promise<void>;
  /** Runs when migration number `index` is done. */
  after?(index: number, migration: Migration): void;
  /** Reports figures of its own, once the pings have ended. */
  tell?(figure: TellFigure): Promise<void>;
}

/** Stands for a setting that has nothing to do while the pod is migrated. */
const nothing: Running = { async [Symbol.asyncDispose]() {} };

/** What a real node holds around a pod's device, through which its packets pass. */
interface Setting {
  name: string;
  /** Partner that the pod exchanges pings with: redirected packets pass neither firewall nor routing of the host. */
  partner: 'outside' | 'other';
  /** Makes the setting around the pods of a node. */
  prepare(place: Place): Promise<Running> | Running;
}

const otherPod = { ipv4: '10.42.0.3', ipv6: 'fd42::3' } as const;
/** Addresses that move between the pods. The IPv6 one is deprecated, so that no packet gets it as its source. */
const virtualAddresses = { ipv4: '10.42.7.7/32', ipv6: 'fd42:7::7/128' } as const;
/** Steps from whose beginning on those addresses move, in turn; from `made` on they move before the names do. */
const movingSteps = ['made', 'drained', 'made', 'removed', 'made', 'routed-pod'] as const;

const settings: readonly Setting[] = [
  { name: 'nodeport', partner: 'outside', prepare: prepareNodePort },
  { name: 'firewall', partner: 'outside', prepare: prepareFirewall },
  { name: 'shaped', partner: 'outside', prepare: prepareShaping },
  { name: 'policy_routing', partner: 'outside', prepare: preparePolicyRouting },
  { name: 'moving_vip', partner: 'other', prepare: prepareMovingAddresses },
];

/** Translates a port of the host to the pod and masquerades it towards it, with connections and flows through it. */
async function prepareNodePort({ node, moved, outside }: Place): Promise<Running> {
  const source = { ipv4: 'masquerade fully-random', ipv6: 'masquerade fully-random' };
  loadRules(node.host, `table inet nodeport {${formatNodePortChains(source)}\n}`);
  const traffic = await startTestTraffic({
    from: basename(outside),
    to: basename(moved.netns.path),
    serverPort: 80,
    address: families.map((family) => linkAddresses[family].host),
    port: nodePort,
    tcp: 8,
    udp: 8,
  });
  return {
    async tell(figure) {
      // Counts a connection without an echo for 30 s as broken, too.
      const silent = await traffic.carries().then(
        () => 0,
        () => 1,
      );
      const lost = await traffic.stop();
      figure('connections_broken', 'connections', [Math.max(silent, traffic.broken().length)]);
      figure('datagrams_sent', 'packets', [traffic.datagrams()]);
      figure('datagrams_lost', 'packets', [lost]);
    },
    [Symbol.asyncDispose]: async () => traffic[Symbol.dispose](),
  };
}

/** Lets packets pass by the name of the device alone: the pod's in both directions, the host's forwarded ones. */
function prepareFirewall({ node, moved }: Place): Running {
  const chain = (hook: string, ...rules: string[]): string =>
    [`chain ${hook} {`, `type filter hook ${hook} priority 0; policy drop;`, ...rules, '}'].join('\n');
  const table = (...chains: string[]): string => ['table inet filter {', ...chains, '}'].join('\n');
  loadRules(
    moved.netns.path,
    table(
      chain('input', 'iifname { "lo", "eth0" } accept'),
      chain('output', 'oifname { "lo", "eth0" } accept'),
    ),
  );
  const { name } = moved.primary;
  loadRules(node.host, table(chain('forward', `iifname "${name}" accept`, `oifname "${name}" accept`)));
  return nothing;
}

/** Shapes what the pod sends, and what the host sends to it, to 200 Mbit/s: far more than the pings are. */
function prepareShaping({ node, moved }: Place): Running {
  node.run(
    ['tc', ...words('qdisc add dev eth0 root tbf rate 200mbit burst 256kb latency 50ms')],
    moved.netns.path,
  );
  const { name } = moved.primary;
  for (const line of [
    `qdisc add dev ${name} root handle 1: htb default 10`,
    `class add dev ${name} parent 1: classid 1:10 htb rate 200mbit quantum 60000`,
    `qdisc add dev ${name} parent 1:10 handle 10: pfifo`,
  ])
    node.run(['tc', ...words(line)]);
  return nothing;
}

/** Routes the pod's packets by tables that rules choose, by address and by device; the main tables have no route. */
function preparePolicyRouting({ node, moved }: Place): Running {
  const { name } = moved.primary;
  for (const family of families) {
    const [flag, pod, gateway, net] =
      family === 'ipv4'
        ? (['-4', nodePortPod.ipv4, '169.254.1.1', '10.9.0.0/24'] as const)
        : (['-6', nodePortPod.ipv6, 'fe80::1', 'fd09::/64'] as const);
    const inPod = [
      `route add default via ${gateway} dev eth0 onlink table 101`,
      `route add default via ${gateway} dev eth0 onlink table 102`,
      `rule add pref 1001 from ${pod} lookup 101`,
      // Matches the pod's own packets that have no source address yet.
      'rule add pref 1002 iif lo lookup 102',
      'rule add pref 1003 oif eth0 lookup 101',
      'route delete default',
    ];
    const onHost = [
      `route add ${pod} dev ${name} table 201`,
      `route add ${net} dev hx table 202`,
      `rule add pref 1001 to ${pod} lookup 201`,
      `rule add pref 1002 iif ${name} lookup 202`,
      `route delete ${pod} dev ${name}`,
      `route delete ${net} dev hx`,
    ];
    runLines(moved.netns.path, inPod, [flag]);
    runLines(node.host, onHost, [flag]);
  }
  return nothing;
}

/** Moves further addresses from one pod to the other in the middle of each migration, and back in the next. */
async function prepareMovingAddresses({ node, moved, other }: Place): Promise<Running> {
  const all = Object.values(virtualAddresses);
  const pods = (index: number): [giver: Pod, taker: Pod] =>
    index % 2 === 0 ? [moved, other] : [other, moved];
  // Shells that run already: a process that enters a namespace first would come steps later.
  const shells = new Map([moved, other].map((pod) => [pod, new NamespaceShell(pod.netns.path)]));
  const run = async (pod: Pod, lines: readonly string[]): Promise<void> => {
    const { status, errors } = await shells.get(pod)!.run(`ip -batch - <<'EOF'\n${lines.join('\n')}\nEOF`);
    if (status !== 0) throw new Error(`addresses of ${pod.name}: ${errors}`);
  };
  const flags = (address: string): string => (address.includes(':') ? ' nodad preferred_lft 0' : '');
  const add = (pod: Pod): Promise<void> =>
    run(
      pod,
      all.map((each) => `address add ${each} dev eth0${flags(each)}`),
    );
  const remove = (pod: Pod): Promise<void> =>
    run(
      pod,
      all.map((each) => `address delete ${each} dev eth0`),
    );
  const count = (pod: Pod): number =>
    all.filter((address) => node.run(['ip', '-o', 'address', 'show', 'to', address], pod.netns.path) !== '')
      .length;
  await add(moved);
  let [returned, missing, movedAt] = [0, 0, 0];
  const during = new Map<string, number>();
  return {
    async during(index) {
      const [giver, taker] = pods(index);
      // Each step has its turn in a migration that gives, and in one that takes.
      await waitForStep(node, moved, movingSteps[Math.floor(index / 2) % movingSteps.length]!);
      await remove(giver);
      movedAt = Date.now();
      await add(taker);
    },
    after(index, { startedAt, steps }) {
      const [giver, taker] = pods(index);
      returned += count(giver);
      missing += all.length - count(taker);
      const ms = movedAt - Date.parse(startedAt);
      const step = steps.findLast(({ startedMs }) => startedMs !== null && startedMs <= ms)?.step ?? 'before';
      during.set(step, (during.get(step) ?? 0) + 1);
    },
    async tell(figure) {
      figure('vip_returned', 'addresses', [returned]);
      figure('vip_missing', 'addresses', [missing]);
      for (const step of ['before', ...migrationSteps])
        figure('vip_moves', 'moves', [during.get(step) ?? 0], { step });
    },
    async [Symbol.asyncDispose]() {
      for (const shell of shells.values()) await shell[Symbol.asyncDispose]();
    },
  };
}

/** Waits until a step of a pod's migration has begun, or the migration has ended. */
async function waitForStep(node: TestNode, { id }: Pod, wanted: MigrationStep): Promise<void> {
  let migration: string | null = null;
  while (migration === null) ({ migration } = await node.ask<Pod>('GET', `/pods/${id}`));
  for (;;) {
    const { state, steps } = await node.ask<Migration>('GET', `/migrations/${migration}`);
    if (state !== 'running' || steps.find(({ step }) => step === wanted)?.state !== 'pending') return;
    await sleep(1);
  }
}

/** Splits a command at its spaces. */
const words = (line: string): string[] => line.split(' ');

/** Loads nftables rules into a namespace. @throws Error with what `nft` or the kernel refused */
function loadRules(netns: string, rules: string): void {
  execFileSync('nsenter', [`--net=${netns}`, 'nft', '-f', '-'], { input: rules });
}

/** Runs lines of `ip -batch` in a namespace. @throws Error with what `ip` or the kernel refused */
function runLines(netns: string, lines: readonly string[], flags: readonly string[] = []): void {
  execFileSync('nsenter', [`--net=${netns}`, 'ip', ...flags, '-batch', '-'], {
    input: `${lines.join('\n')}\n`,
  });
}

/** Makes a node for a setting: the host forwards between its pods and a machine outside. */
async function preparePlace(node: TestNode): Promise<Place> {
  const moved = await node.addPod('moved', [`${nodePortPod.ipv4}/32`, `${nodePortPod.ipv6}/128`]);
  const other = await node.addPod('other', [`${otherPod.ipv4}/32`, `${otherPod.ipv6}/128`]);
  const outside = node.addNamespace('outside');
  const lines = formatLinkLines(basename(outside));
  runLines(node.host, lines.host);
  runLines(outside, lines.outside);
  return { node, moved, other, outside };
}

/**
 * Migrates a pod again and again in a setting, while it and its partner ping each other. A migration that is undone is
 * a figure, with its reason on standard error.
 */
async function measureSetting(
  report: BenchReporter,
  { name, partner, prepare }: Setting,
  plan: PingPlan,
): Promise<void> {
  await using node = await startTestNode();
  const place = await preparePlace(node);
  await using running = await prepare(place);
  const { moveOn, between } = await createPodMover(node, place.moved);
  const figure: TellFigure = (metric, unit, values, more = {}) =>
    report({
      bench: 'migrate',
      metric,
      env: 'native',
      setting: name,
      between,
      ...summarizeRuns(values),
      unit,
      ...more,
    });
  const ends: [PingEnd, PingEnd] = [
    { netns: place.moved.netns.path, ...nodePortPod },
    partner === 'other'
      ? { netns: place.other.netns.path, ...otherPod }
      : { netns: place.outside, ipv4: linkAddresses.ipv4.outside, ipv6: linkAddresses.ipv6.outside },
  ];
  const run = await migrateWhilePinging(ends, plan, async (index) => {
    const [migration] = await Promise.all([moveOn(), running.during?.(index)]);
    running.after?.(index, migration);
    if (migration.state !== 'done') process.stderr.write(`${name}: ${describeFailure(migration)}\n`);
    return migration;
  });
  tellLosses(run, plan, figure);
  const undone = run.migrations.filter(({ state }) => state !== 'done').length;
  figure('migrations_undone', 'migrations', [undone], { migrations: run.migrations.length });
  await running.tell?.(figure);
  tellWallTime(run, figure);
}

const [migrations = '12', pings = '12000', ...names] = process.argv.slice(2);
const report = createJsonLinesReporter((text) => process.stdout.write(text));
for (const setting of settings)
  if (names.length === 0 || names.includes(setting.name))
    await measureSetting(report, setting, {
      migrations: Number(migrations),
      pings: Number(pings),
      intervalMs: 2,
      priority: 10,
    });
