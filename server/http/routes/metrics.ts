import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { deviceKindSchema } from '../../../contract/device.ts';
import { emptyRuleSizes } from '../../acl/tables/policy-table-limits.ts';
import { podlaneVersion } from '../../version.ts';
import type { AgentServices } from '../agent-services.ts';
import { formatPodMetrics } from './pod-metrics.ts';

/**
 * Metrics in Prometheus' text format, named by its rules: the unit and `_total` in the name, no series for what never
 * occurred. Counters of pods are those of the last sample.
 */
export const metricRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    const register = new Registry();
    collectDefaultMetrics({ register });
    addBuildInfo(register);
    addPods(register, agent);
    addMigrations(register, agent);
    addVerdicts(register, agent);
    addRules(register, agent);
    addConnectionTable(register, agent);
    app.get('/metrics', { schema: { summary: 'Prometheus metrics', tags: ['node'] } }, async (_, reply) =>
      reply.type(register.contentType).send(`${await register.metrics()}\n${formatPodMetrics(agent)}`),
    );
  };

function addBuildInfo(register: Registry): void {
  const info = new Gauge({
    name: 'podlane_build_info',
    help: 'Version of the agent. The value is always 1.',
    labelNames: ['version', 'node_version'],
    registers: [register],
  });
  info.set({ version: podlaneVersion, node_version: process.version }, 1);
}

function addPods(register: Registry, { pods }: AgentServices): void {
  new Gauge({
    name: 'podlane_pods',
    help: 'Pods of the node by the kind of their device.',
    labelNames: ['kind'],
    registers: [register],
    collect() {
      const summaries = pods.summaries();
      for (const kind of deviceKindSchema.options)
        this.set({ kind }, summaries.filter((pod) => pod.kind === kind).length);
    },
  });
}

/** Adds the size of the connection table. */
function addConnectionTable(register: Registry, { rules }: AgentServices): void {
  const registers = [register];
  new Gauge({
    name: 'podlane_connection_table_capacity',
    help: 'Connections that the table of the access rules has room for.',
    registers,
    collect() {
      this.set(rules.connectionUse().capacity);
    },
  });
  new Gauge({
    name: 'podlane_connection_quota',
    help: 'Connections that one pod may have in the table of the access rules.',
    registers,
    collect() {
      this.set(rules.connectionUse().quota);
    },
  });
}

function addRules(register: Registry, { rules }: AgentServices): void {
  const registers = [register];
  const sets = () => Object.entries({ active: rules.active(), staged: rules.staged() });
  new Gauge({
    name: 'podlane_rules',
    help: 'Access rules by rule set.',
    labelNames: ['set'],
    registers,
    collect() {
      for (const [set, state] of sets()) this.set({ set }, state?.sizes.rules ?? 0);
    },
  });
  new Gauge({
    name: 'podlane_rule_entries',
    help: 'Entries of the access rules by BPF table.',
    labelNames: ['set', 'table'],
    registers,
    collect() {
      for (const [set, state] of sets()) {
        const { rules: _, ...tables } = state?.sizes ?? emptyRuleSizes;
        for (const [table, size] of Object.entries(tables)) this.set({ set, table }, size);
      }
    },
  });
  new Gauge({
    name: 'podlane_rules_generation',
    labelNames: ['set'],
    registers,
    help: 'Generation of the loaded tables: increases with every change of the rules, or of the pods they apply to.',
    collect() {
      for (const [set, state] of sets()) this.set({ set }, state?.generation ?? 0);
    },
  });
  new Gauge({
    name: 'podlane_rules_outdated',
    registers,
    help: '1 while the kernel still evaluates older tables than the active rules, 0 otherwise.',
    collect() {
      this.set(rules.active().problem === null ? 0 : 1);
    },
  });
}

function addMigrations(register: Registry, { pods }: AgentServices): void {
  const ended = new Counter({
    name: 'podlane_migrations_total',
    help: 'Migrations that ended since the agent started, by result.',
    labelNames: ['direction', 'result'],
    registers: [register],
  });
  pods.on('migration', ({ direction, state }) => {
    if (state !== 'running') ended.inc({ direction, result: state });
  });
}

/** Adds the metrics of verdicts counted since the agent started, and of verdicts missing from the verdict log. */
function addVerdicts(register: Registry, { verdicts }: AgentServices): void {
  new Counter({
    name: 'podlane_verdicts_total',
    help: 'Verdicts that the BPF programs reported, by verdict.',
    labelNames: ['verdict'],
    registers: [register],
    collect() {
      this.reset();
      for (const [verdict, count] of Object.entries(verdicts.counts())) this.inc({ verdict }, count);
    },
  });
  new Counter({
    name: 'podlane_verdicts_lost_total',
    help: 'Verdicts that were not reported: above the pod’s rate limit, or because the ring buffer was full.',
    labelNames: ['cause'],
    registers: [register],
    collect() {
      this.reset();
      const { rateLimited, bufferFull } = verdicts.losses();
      this.inc({ cause: 'rate_limit' }, rateLimited);
      this.inc({ cause: 'buffer_full' }, bufferFull);
    },
  });
}
