import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { deviceKind } from '../../contract/device.ts';
import { decodeFrame, dropColumns, dropReasons, type SampleColumn } from '../../contract/sample-frame.ts';
import { noSizes } from '../acl/tables/limits.ts';
import type { Agent } from './agent.ts';

/** Prometheus text of the last sample. Totals are those of the sample frame: they never go back. */
export const metricRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    const register = new Registry();
    collectDefaultMetrics({ register });
    countPods(register, agent);
    countTraffic(register, agent);
    countKernelDrops(register, agent);
    countMigrations(register, agent);
    countVerdicts(register, agent);
    countRules(register, agent);
    app.get('/metrics', { schema: { summary: 'Prometheus metrics', tags: ['node'] } }, async (_, reply) =>
      reply.type(register.contentType).send(await register.metrics()),
    );
  };

function countPods(register: Registry, { pods }: Agent): void {
  new Gauge({
    name: 'podlane_pods',
    help: 'Pods of the node by the kind of their device',
    labelNames: ['kind'],
    registers: [register],
    collect() {
      for (const kind of deviceKind.options)
        this.set({ kind }, pods.summaries().filter((pod) => pod.kind === kind).length);
    },
  });
}

const totals: { name: string; help: string; out: SampleColumn; in: SampleColumn }[] = [
  { name: 'packets', help: 'Packets of the pod', out: 'packetsOut', in: 'packetsIn' },
  { name: 'bytes', help: 'Bytes of the pod’s network packets', out: 'bytesOut', in: 'bytesIn' },
  { name: 'dropped', help: 'Packets Podlane’s programs dropped', out: 'droppedOut', in: 'droppedIn' },
];

function countTraffic(register: Registry, agent: Agent): void {
  const labelNames = ['namespace', 'pod', 'direction'];
  const registers = [register];
  for (const { name, help, ...columns } of totals) {
    new Counter({
      name: `podlane_pod_${name}_total`,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const { labels, value } of sampledPods(agent))
          for (const direction of ['egress', 'ingress'] as const)
            this.inc({ ...labels, direction }, value(columns[direction]));
      },
    });
  }
  new Counter({
    name: 'podlane_pod_dropped_by_reason_total',
    help: 'Packets Podlane’s programs dropped, by reason',
    labelNames: ['namespace', 'pod', 'reason'],
    registers,
    collect() {
      this.reset();
      for (const { labels, value } of sampledPods(agent))
        for (const reason of dropReasons) this.inc({ ...labels, reason }, value(dropColumns[reason]));
    },
  });
}

/** Of pods and reasons that occurred; none where the kernel's drops cannot be counted. They begin anew with the agent. */
function countKernelDrops(register: Registry, { pods, drops }: Agent): void {
  new Counter({
    name: 'podlane_pod_kernel_drops_total',
    help: 'Packets of the pod that the kernel dropped, ours among them, by its reason',
    labelNames: ['namespace', 'pod', 'reason'],
    registers: [register],
    collect() {
      this.reset();
      const dropped = drops.kernel();
      for (const { number, namespace, name } of pods.summaries())
        for (const { reason, packets } of dropped.get(number) ?? [])
          this.inc({ namespace, pod: name, reason }, packets);
    },
  });
}

/** The pods of the last sample with their names; none before the first. */
function sampledPods({ samples, pods }: Agent) {
  if (samples.frame === null) return [];
  const frame = decodeFrame(new Uint8Array(samples.frame).buffer);
  const rows = new Map(Array.from(frame.column('pod'), (number, row) => [Number(number), row]));
  return pods.summaries().flatMap(({ number, namespace, name }) => {
    const row = rows.get(number);
    if (row === undefined) return [];
    const value = (column: SampleColumn) => Number(frame.column(column)[row]);
    return [{ labels: { namespace, pod: name }, value }];
  });
}

function countRules(register: Registry, { rules }: Agent): void {
  const registers = [register];
  const sets = () => Object.entries({ active: rules.active(), draft: rules.draft() });
  new Gauge({
    name: 'podlane_rules',
    help: 'Access rules',
    labelNames: ['set'],
    registers,
    collect() {
      for (const [set, state] of sets()) this.set({ set }, state?.sizes.rules ?? 0);
    },
  });
  new Gauge({
    name: 'podlane_rule_entries',
    help: 'Entries of access rules by table',
    labelNames: ['set', 'table'],
    registers,
    collect() {
      for (const [set, state] of sets()) {
        const { rules: _, ...tables } = state?.sizes ?? noSizes;
        for (const [table, size] of Object.entries(tables)) this.set({ set, table }, size);
      }
    },
  });
  new Gauge({
    name: 'podlane_rules_generation',
    labelNames: ['set'],
    registers,
    help: 'Rises with every change of access rules, or of the pods that they are for',
    collect() {
      for (const [set, state] of sets()) this.set({ set }, state?.generation ?? 0);
    },
  });
  new Gauge({
    name: 'podlane_rules_outdated',
    registers,
    help: '1 while the kernel judges by older tables than the rules in force and the pods ask for',
    collect() {
      this.set(rules.active().problem === null ? 0 : 1);
    },
  });
}

function countMigrations(register: Registry, { pods }: Agent): void {
  const ended = new Counter({
    name: 'podlane_migrations_total',
    help: 'Migrations that ended since the agent started, by how they ended',
    labelNames: ['direction', 'result'],
    registers: [register],
  });
  pods.on('migration', ({ direction, state }) => {
    if (state !== 'running') ended.inc({ direction, result: state });
  });
}

/** Since the agent started; how many were lost tells how far the log is a sample. */
function countVerdicts(register: Registry, { verdicts }: Agent): void {
  new Counter({
    name: 'podlane_verdicts_total',
    help: 'Verdicts that the programs told of, by what was decided',
    labelNames: ['verdict'],
    registers: [register],
    collect() {
      this.reset();
      for (const [verdict, count] of Object.entries(verdicts.counts())) this.inc({ verdict }, count);
    },
  });
  new Counter({
    name: 'podlane_verdicts_lost_total',
    help: 'Verdicts that could not be told: beyond a pod’s rate, or faster than they were read',
    labelNames: ['cause'],
    registers: [register],
    collect() {
      this.reset();
      const { rateLimited, bufferFull } = verdicts.losses();
      this.inc({ cause: 'rate' }, rateLimited);
      this.inc({ cause: 'buffer' }, bufferFull);
    },
  });
}
