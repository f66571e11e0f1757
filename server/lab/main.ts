import { parseArgs } from 'node:util';
import { type DeviceKind, deviceKind } from '../../contract/device.ts';
import { ProblemError } from '../../contract/problem.ts';
import { waitForAgent, type AgentEndpoint, parseAgentEndpoint } from './agent-client.ts';
import { lockLabName } from './name-lock.ts';
import { labNamePattern, labPods, labNetnsName, outsideService } from './names.ts';
import { attachLabPods, detachLabPods, type AttachedLabPod, createPodNamespaces, removeLabPods } from './pods.ts';
import { reportTrafficPeriodically, sendTrafficReport } from './traffic-report.ts';
import { startTraffic, type TrafficEnd } from './traffic/traffic.ts';

const usage = `Usage: node server/lab/main.ts --agent unix:PATH|http://HOST:PORT [options]

Makes the lab's six pods, gives them to the agent and lets them talk, until it is told to stop.

  --token-file FILE   the agent's token, for TCP
  --name NAME         tells labs apart; default lab
  --kind KIND         netkit or veth; default: netkit where the kernel has it
  --rate FACTOR       multiplies the traffic; default 1
  --cpu CORES         what the traffic may cost; it slows down by itself; default 0.25
  --wait SECONDS      for the agent to answer; default 30
  --outside           the namespace podlane-NAME-outside is there: talk to it too
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
process.stdout.on('error', () => stopping.abort()); // whoever read it has gone

try {
  await run();
} catch (error) {
  if (!stopping.signal.aborted) printError(error);
}
process.exit();

function printError(error: unknown) {
  const hint = error instanceof ProblemError && error.hint ? `\n  ${error.hint}` : '';
  process.stderr.write(`lab: ${error instanceof Error ? error.message : error}${hint}\n`);
  process.exitCode = 1;
}

/** Gives the namespaces to the agent, once it answers. */
async function attach(
  door: AgentEndpoint,
  namespaces: Record<string, string>,
  { kind, signal }: { kind: DeviceKind | undefined; signal: AbortSignal },
): Promise<AttachedLabPod[]> {
  const progress = (text: string) => print({ type: 'progress', text });
  await waitForAgent(door, positiveOption('wait') * 1000, signal);
  await detachLabPods(door);
  const pods = await attachLabPods(door, namespaces, { kind, signal, progress });
  progress('traffic between them');
  return pods;
}

async function run() {
  const door = parseAgentEndpoint(values.agent!, values['token-file']);
  const lab = values.name;
  if (!labNamePattern.test(lab))
    throw new ProblemError('bad_request', `--name ${lab}: lower case letters, digits, -`);
  const kind = values.kind === undefined ? undefined : deviceKind.parse(values.kind);
  const rate = positiveOption('rate');
  const budget = positiveOption('cpu');
  const { signal } = stopping;
  const stop = aborted(signal);

  await lockLabName(lab, signal);
  try {
    await removeLabPods(door, lab);
    const namespaces = await createPodNamespaces(lab);
    const ends: TrafficEnd[] = labPods.map(({ app, addresses: [address] }) => ({
      app,
      netns: namespaces[app]!,
      address: address.split('/')[0]!,
    }));
    if (values.outside)
      ends.push({
        app: outsideService.app,
        netns: `/run/netns/${labNetnsName(lab, outsideService.app)}`,
        address: outsideService.address,
      });
    const attaching = attach(door, namespaces, { kind, signal });
    const traffic = await startTraffic(ends, { attached: attaching, rate, budget, signal });
    const pods = await attaching;
    const reporting = new AbortController();
    const reports = reportTrafficPeriodically(door, pods, traffic, { signal: reporting.signal, away: printAgentState });
    print({ type: 'ready', pods: pods.map(({ app, id, namespace, name }) => ({ app, id, namespace, name })) });
    const telling = setInterval(() => {
      if (values.json) print({ type: 'traffic', ...traffic.load(), apps: traffic.counts() });
    }, 1000);
    try {
      await Promise.race([stop, traffic.failure]);
    } finally {
      clearInterval(telling);
      reporting.abort();
      await reports;
      await traffic.stop();
      await sendTrafficReport(door, pods, traffic);
      print({ type: 'stopped', apps: traffic.counts() });
    }
  } finally {
    await removeLabPods(door, lab);
  }
}

function printAgentState(error: Error | null) {
  print({
    type: 'agent',
    away: error !== null,
    text: error ? `${error.message}; the traffic goes on` : 'the agent is back',
  });
}

type Message = { type: 'progress' | 'agent'; text: string; away?: boolean } | { type: string; text?: undefined };

function print(said: Message & Record<string, unknown>) {
  if (values.json) process.stdout.write(`${JSON.stringify(said)}\n`);
  else process.stdout.write(`${said.text ?? said.type}\n`);
}

function positiveOption(option: 'rate' | 'cpu' | 'wait'): number {
  const value = Number(values[option]);
  if (value > 0 && value <= 1000) return value;
  throw new ProblemError('bad_request', `--${option} ${values[option]}: a number above 0, up to 1000`);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
