import { parseArgs } from 'node:util';
import { type DeviceKind, deviceKindSchema } from '../../contract/device.ts';
import { ProblemError } from '../../contract/problem.ts';
import { type AgentEndpoint, parseAgentEndpoint, waitForAgent } from './agent-client.ts';
import {
  type AttachedLabPod,
  attachLabPods,
  createLabPodNamespaces,
  detachLabPods,
  removeLabPods,
} from './attach-pods.ts';
import { lockLabName } from './lab-name-lock.ts';
import { formatLabNetnsPath, labNamePattern, labOutsideService, labPods } from './lab-topology.ts';
import { type LabTrafficEndpoint, startLabTraffic } from './traffic/traffic.ts';
import { reportLabTrafficPeriodically, sendLabTrafficReport } from './traffic-report.ts';

const usage = `Usage: node server/lab/main.ts --agent unix:PATH|http://HOST:PORT [options]

Attaches the lab's six pods to the agent and runs traffic between them until it is stopped.

  --token-file FILE   the agent's token, for TCP
  --name NAME         name of the lab; default lab
  --kind KIND         netkit or veth; default: netkit where the kernel has it
  --rate FACTOR       multiplies the traffic; default 1
  --cpu CORES         limit of the traffic's CPU use, to which it slows down; default 0.25
  --wait SECONDS      to wait for the agent; default 30
  --outside           also send traffic to the namespace podlane-NAME-outside
  --json              one JSON object a line: progress, ready, traffic (each second), agent, stopped
`;

const { values } = parseArgs({
  options: {
    agent: { type: 'string' },
    'token-file': { type: 'string' },
    name: { type: 'string', default: 'lab' },
    kind: { type: 'string' },
    rate: { type: 'string', default: '1' },
    cpu: { type: 'string', default: '0.25' },
    wait: { type: 'string', default: '30' },
    outside: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || values.agent === undefined) {
  (values.help ? process.stdout : process.stderr).write(usage);
  process.exit(values.help ? 0 : 2);
}

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());
process.stdout.on('error', () => stopping.abort()); // the reader has exited

try {
  await run(values.agent);
} catch (error) {
  if (!stopping.signal.aborted) printError(error);
}
process.exit();

function printError(error: unknown) {
  const hint = error instanceof ProblemError && error.hint ? `\n  ${error.hint}` : '';
  process.stderr.write(`lab: ${error instanceof Error ? error.message : error}${hint}\n`);
  process.exitCode = 1;
}

/** Attaches the lab's pods once the agent responds. */
async function attach(
  endpoint: AgentEndpoint,
  lab: string,
  { kind, signal }: { kind: DeviceKind | undefined; signal: AbortSignal },
): Promise<AttachedLabPod[]> {
  const progress = (text: string) => print({ type: 'progress', text });
  await waitForAgent(endpoint, positiveOption('wait') * 1000, signal);
  await detachLabPods(endpoint);
  const pods = await attachLabPods(endpoint, lab, { kind, signal, progress });
  progress('starting traffic');
  return pods;
}

async function run(agent: string): Promise<void> {
  const endpoint = parseAgentEndpoint(agent, values['token-file']);
  const lab = values.name;
  if (!labNamePattern.test(lab))
    throw new ProblemError('bad_request', `--name ${lab}: expected lowercase letters, digits and -`);
  const kind = values.kind === undefined ? undefined : deviceKindSchema.parse(values.kind);
  const rate = positiveOption('rate');
  const budget = positiveOption('cpu');
  const { signal } = stopping;
  const stop = aborted(signal);

  await lockLabName(lab, signal);
  try {
    await removeLabPods(endpoint, lab);
    await createLabPodNamespaces(lab);
    const ends: LabTrafficEndpoint[] = labPods.map(({ app, addresses: [address] }) => ({
      app,
      netns: formatLabNetnsPath(lab, app),
      address: address.replace(/\/.*/, ''),
    }));
    if (values.outside)
      ends.push({
        app: labOutsideService.app,
        netns: formatLabNetnsPath(lab, labOutsideService.app),
        address: labOutsideService.address,
      });
    const attaching = attach(endpoint, lab, { kind, signal });
    const traffic = await startLabTraffic(ends, { attached: attaching, rate, budget, signal });
    const pods = await attaching;
    const reporting = new AbortController();
    const reports = reportLabTrafficPeriodically(endpoint, pods, traffic, {
      signal: reporting.signal,
      onAgentState: printAgentState,
    });
    print({
      type: 'ready',
      pods: pods.map(({ app, id, namespace, name }) => ({ app, id, namespace, name })),
    });
    const printing = setInterval(() => {
      if (values.json) print({ type: 'traffic', ...traffic.load(), apps: traffic.counts() });
    }, 1000);
    try {
      await Promise.race([stop, traffic.failure]);
    } finally {
      clearInterval(printing);
      reporting.abort();
      await reports;
      await traffic.stop();
      await sendLabTrafficReport(endpoint, pods, traffic);
      print({ type: 'stopped', apps: traffic.counts() });
    }
  } finally {
    await removeLabPods(endpoint, lab);
  }
}

function printAgentState(error: Error | null) {
  print({
    type: 'agent',
    away: error !== null,
    text: error ? `${error.message}; the traffic continues` : 'the agent is back',
  });
}

type Message =
  | { type: 'progress' | 'agent'; text: string; away?: boolean }
  | { type: string; text?: undefined };

function print(message: Message & Record<string, unknown>): void {
  if (values.json) process.stdout.write(`${JSON.stringify(message)}\n`);
  else process.stdout.write(`${message.text ?? message.type}\n`);
}

function positiveOption(option: 'rate' | 'cpu' | 'wait'): number {
  const value = Number(values[option]);
  if (value > 0 && value <= 1000) return value;
  throw new ProblemError(
    'bad_request',
    `--${option} ${values[option]}: expected a number above 0, up to 1000`,
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
