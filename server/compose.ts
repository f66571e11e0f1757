import os from 'node:os';
import { dirname, join } from 'node:path';
import { type Logger, pino } from 'pino';
import { ProblemError } from '../contract/problem.ts';
import { AccessRules } from './acl/access-rules.ts';
import { RuleLoader } from './acl/load/rule-loader.ts';
import { installedObject } from './bpf/datapath-object.ts';
import { type Config, help, readConfig } from './config.ts';
import { KernelDrops } from './counters/kernel-drops.ts';
import { PodDropCounts } from './counters/pod-drops.ts';
import { Sampler } from './counters/sampler.ts';
import { Datapath } from './datapath/datapath.ts';
import { Dumps } from './debug/dumps.ts';
import { LogRing } from './debug/log-ring.ts';
import { openListeners } from './listeners.ts';
import { currentNamespace } from './kernel/netns.ts';
import { describeNode, readBootId } from './describe-node.ts';
import { BuildFiles } from './programs/build-files.ts';
import { Builds } from './programs/builds.ts';
import { Maps } from './programs/maps.ts';
import { Programs } from './programs/programs.ts';
import type { KnownNamespace } from './programs/scan/scan.ts';
import { Scanner } from './programs/scanner.ts';
import { Signers } from './programs/signers.ts';
import { SqliteStore } from './store/sqlite-store.ts';
import { Captures } from './trace/captures.ts';
import { KernelSightings } from './trace/kernel-sightings.ts';
import { PodNames } from './trace/names.ts';
import { Traces } from './trace/traces.ts';
import { Verdicts } from './trace/verdicts.ts';
import { version } from './version.ts';

/** How long what is under way may take once the agent is told to stop. */
const stopWithinMs = 10_000;

/**
 * Puts the agent together. The host is the network namespace that it was started in.
 * @returns ends it: doors and database are closed; pods' devices, programs and counters stay as they are
 * @throws ProblemError what cannot be had; then nothing is open, and the pods are as they were
 */
async function startAgent(config: Config, log: Logger, lines: LogRing): Promise<() => Promise<void>> {
  if (process.getuid?.() !== 0)
    throw new ProblemError('unprocessable', 'the agent changes network devices', {
      hint: 'start it as root',
    });
  const startedAt = new Date();
  const bootId = readBootId();
  const opened: (() => unknown)[] = [];
  const close = async () => {
    for (const end of opened.reverse()) await end();
  };
  try {
    const store = await SqliteStore.open({
      file: config.database,
      node: { name: os.hostname(), bootId },
      onPruneError: (err) => log.error({ err }, 'old history could not be deleted'),
    });
    opened.push(() => store.close());
    const { pins, maxSlots, connections, without } = config;
    const builds = await Builds.open({
      files: new BuildFiles(join(dirname(config.database), 'builds')),
      signers: new Signers(config.trust),
      store,
      installed: await installedObject(),
    });
    const image = builds.chosenImage() ?? undefined;
    const rules = new AccessRules({ store: store, log });
    const loaders: RuleLoader[] = [];
    const datapath = await Datapath.open({
      store,
      pins,
      maxSlots,
      connections,
      image,
      without,
      log,
      rules: {
        activate: (programs, pods) => {
          const loader = new RuleLoader(programs.ruleMaps, {
            slots: programs.maxSlots,
            timeouts: config.timeouts,
            verdicts: config.verdictRate,
          });
          loaders.push(loader);
          return rules.open(loader, pods);
        },
        addPod: (pod) => rules.addPod(pod),
        removePod: (id) => rules.removePod(id),
      },
    });
    opened.push(() => datapath.close());
    opened.push(async () => {
      await rules.close();
      await loaders.at(-1)?.close();
    });
    await rules.watchNode();
    rules.on('event', (event) => datapath.emit('event', event));
    await builds.runOn(datapath.running, datapath.running.refusal);
    const sampler = new Sampler(datapath, datapath.counters, () => datapath.programIds());
    sampler.start();
    opened.push(() => sampler.stop());
    const dropReasons = datapath.capabilities.find(({ name }) => name === 'drop-reasons');
    const kernelDrops = await KernelDrops.open(dropReasons, {
      hostNetns: ownNetns(),
      maxSlots: datapath.slots.max,
    });
    const drops = new PodDropCounts(datapath, datapath.counters, kernelDrops);
    opened.push(() => drops.close());
    const kernel = loaders.at(-1)!;
    const names = new PodNames(datapath);
    const verdicts = new Verdicts(kernel, names, rules);
    const where = { hostNetns: ownNetns(), maxSlots: datapath.slots.max };
    const sightings = new KernelSightings({ capability: dropReasons, ...where });
    const traces = new Traces({ kernel, pods: datapath, names, rules, sightings, log });
    const captures = new Captures(datapath, `podlane ${version}`);
    opened.push(() => {
      for (const each of [captures, traces, verdicts, names]) each.close();
    });
    await store.addEvent({
      type: 'agent.started',
      severity: 'info',
      podId: null,
      migrationId: null,
      message: `The agent started with ${datapath.summaries().length} pods`,
    });
    const scanner = new Scanner(() => namespacesOf(datapath));
    opened.push(() => scanner.close());
    const ours = { pins, programIds: () => datapath.programIds() };
    const programs = await Programs.open({ ours, scanner, store });
    opened.push(() => programs.close());
    const maps = new Maps({
      ours,
      scanner,
      tell: async (message) => {
        const about = { type: 'map.edited', severity: 'warning', podId: null, migrationId: null } as const;
        datapath.emit('event', await store.addEvent({ ...about, message }));
      },
    });
    const dumps = new Dumps({
      folder: join(dirname(config.database), 'dumps'),
      pins,
      podlane: version,
      capabilities: () => datapath.capabilities,
      configuration: withoutSecrets(config),
      secrets: config.listen === null ? [] : [config.listen.token],
      lines,
      log,
    });
    opened.push(() => dumps.close());
    const node = () => describeNode(config, datapath, startedAt, bootId);
    const agent = {
      pods: datapath,
      batches: datapath.batches,
      samples: sampler,
      drops,
      guard: datapath.guard,
      builds,
      userPrograms: datapath.users,
      dumps,
      maps,
      programs,
      rules,
      verdicts,
      traces,
      captures,
      store,
      node,
      startedAt,
      bootId,
      lab: config.lab,
      log,
    };
    const doors = await openListeners(agent, config);
    opened.push(() => doors.close());
    log.info({ addresses: doors.addresses, pods: datapath.summaries().length }, 'agent.started');
    process.stderr.write(`agent ready on ${doors.addresses.join(' and ')}\n`);
    return close;
  } catch (error) {
    await close();
    throw error;
  }
}

/** What may be told of the configuration: of TCP where, not with which token. */
const withoutSecrets = ({ listen, ...others }: Config): object => ({
  ...others,
  listen: listen && { host: listen.host, port: listen.port },
});

/** Where programs are looked for: the host's namespace and the pods'. */
function namespacesOf(datapath: Datapath): KnownNamespace[] {
  const host = { inode: String(ownNetns()), host: true, pod: null, name: 'host' };
  const pods = datapath.namespaces().map(({ id, name, path, inode }) => ({
    path,
    ref: { inode: String(inode), host: false, pod: id, name },
  }));
  return [{ path: '/proc/self/ns/net', ref: host }, ...pods];
}

function ownNetns(): bigint {
  using namespace = currentNamespace();
  return namespace.inode;
}

function stopOnSignal(log: Logger, close: () => Promise<void>): void {
  let stopping = false;
  const stop = (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({ signal }, 'agent.stopping');
    setTimeout(() => {
      log.error(`not stopped within ${stopWithinMs} ms`);
      process.exit(1);
    }, stopWithinMs).unref();
    close().then(
      () => process.exit(0),
      (err) => {
        log.error({ err }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
}

/** Says on standard error why there is no agent, and ends the process. */
function giveUp(error: unknown, status: number): never {
  const text = error instanceof ProblemError ? error.message : String((error as Error).stack ?? error);
  process.stderr.write(`agent not started: ${text}\n`);
  if (error instanceof ProblemError && error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`);
  process.exit(status);
}

function configure(): Config {
  try {
    const config = readConfig(process.argv.slice(2), process.env);
    if (config !== 'help') return config;
  } catch (error) {
    giveUp(error, 2);
  }
  process.stdout.write(help);
  process.exit(0);
}

/** The process: reads its configuration, runs the agent until a signal ends it. */
export async function main(): Promise<void> {
  const config = configure();
  const lines = new LogRing();
  const stderr = pino.destination({ fd: 2, sync: true });
  const log = pino(
    { level: config.logLevel, base: { pid: process.pid } },
    {
      write: (line: string) => {
        stderr.write(line);
        lines.write(line);
      },
    },
  );
  process.on('uncaughtException', (err) => {
    log.fatal({ err }, 'the agent failed');
    process.exit(1);
  });
  try {
    stopOnSignal(log, await startAgent(config, log, lines));
  } catch (error) {
    giveUp(error, 1);
  }
}
