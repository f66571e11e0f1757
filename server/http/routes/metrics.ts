import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { deviceKindSchema } from '../../../contract/device.ts';
import { emptyRuleSizes } from '../../acl/tables/policy-table-limits.ts';
import { podlaneVersion } from '../../version.ts';
import type { AgentServices } from '../agent-services.ts';
import { formatObservedPodMetrics } from './observed-pod-metrics.ts';
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
    addObservedPods(register, agent);
    addMigrations(register, agent);
    addVerdicts(register, agent);
    addRules(register, agent);
    addConnectionTable(register, agent);
    if (agent.cluster !== null) addCluster(register, agent.cluster);
    app.get('/metrics', { schema: { summary: 'Prometheus metrics', tags: ['node'] } }, async (_, reply) =>
      reply
        .type(register.contentType)
        .send(`${await register.metrics()}\n${formatPodMetrics(agent)}\n${formatObservedPodMetrics(agent)}`),
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

/** Adds the number of pods that others made, by kind; host-network pods have none. */
function addObservedPods(register: Registry, { observed }: AgentServices): void {
  new Gauge({
    name: 'podlane_observed_pods',
    help: 'Pods of the node that others made, by the kind of their first interface, or `host` for host-network pods.',
    labelNames: ['kind'],
    registers: [register],
    collect() {
      this.reset();
      const counts = new Map<string, number>();
      for (const { kind } of observed.summaries())
        counts.set(kind ?? 'host', (counts.get(kind ?? 'host') ?? 0) + 1);
      for (const [kind, count] of counts) this.set({ kind }, count);
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

/** Adds the state of the watches of the cluster. */
function addCluster(register: Registry, cluster: NonNullable<AgentServices['cluster']>): void {
  const registers = [register];
  new Gauge({
    name: 'podlane_kubernetes_connected',
    help: '1 while all watches of the Kubernetes API server are live, 0 otherwise.',
    registers,
    collect() {
      this.set(cluster.status().state === 'connected' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'podlane_kubernetes_objects',
    help: 'Objects of the cluster that the agent knows, by kind.',
    labelNames: ['resource'],
    registers,
    collect() {
      for (const { resource, objects } of cluster.status().watches) this.set({ resource }, objects);
    },
  });
  new Gauge({
    name: 'podlane_kubernetes_last_event_timestamp_seconds',
    help: 'Time at which the Kubernetes API server sent something last, by kind of objects.',
    labelNames: ['resource'],
    registers,
    collect() {
      for (const { resource, lastEvent } of cluster.status().watches)
        if (lastEvent !== null) this.set({ resource }, Date.parse(lastEvent) / 1000);
    },
  });
  new Counter({
    name: 'podlane_kubernetes_watch_restarts_total',
    help: 'Times that a watch of the Kubernetes API server was lost, by kind of objects.',
    labelNames: ['resource'],
    registers,
    collect() {
      this.reset();
      for (const { resource, restarts } of cluster.status().watches) this.inc({ resource }, restarts);
    },
  });
  new Gauge({
    name: 'podlane_kubernetes_policies',
    help: 'NetworkPolicies of the cluster that isolate pods of this node, by state.',
    labelNames: ['state'],
    registers,
    collect() {
      const { applied, refused, waiting } = cluster.status().policies;
      for (const [state, count] of Object.entries({ applied, refused, waiting })) this.set({ state }, count);
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
