import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { deviceKind } from '../../contract/device.ts';
import { ProblemError } from '../../contract/problem.ts';
import { agentAnswers, parseDoor } from './agent.ts';
import { labName, netnsOf, outside } from './names.ts';
import { makePods, removePods } from './pods.ts';
import { reportTraffic, tell } from './report.ts';
import { startTraffic, type TrafficEnd } from './traffic/traffic.ts';

const usage = `Usage: node server/lab/main.ts --agent unix:PATH|http://HOST:PORT [options]

Makes the lab's six pods, gives them to the agent and lets them talk, until it is told to stop.

  --token-file FILE   the agent's token, for TCP
  --name NAME         tells labs apart; default lab
  --kind KIND         netkit or veth; default: netkit where the kernel has it
  --rate FACTOR       multiplies the traffic; default 1
  --cpu CORES         what the traffic may cost; it slows down by itself; default 0.25
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
  if (!stopping.signal.aborted) tellError(error);
}
process.exit();

function tellError(error: unknown) {
  const hint = error instanceof ProblemError && error.hint ? `\n  ${error.hint}` : '';
  process.stderr.write(`lab: ${error instanceof Error ? error.message : error}${hint}\n`);
  process.exitCode = 1;
}

async function run() {
  const door = parseDoor(values.agent!, values['token-file']);
  const lab = values.name;
  if (!labName.test(lab))
    throw new ProblemError('bad_request', `--name ${lab}: lower case letters, digits, -`);
  const kind = values.kind === undefined ? undefined : deviceKind.parse(values.kind);
  const rate = positive('rate');
  const budget = positive('cpu');
  const { signal } = stopping;
  const stop = once(signal);

  await lock(`podlane-pods-${lab}`);
  await agentAnswers(door, 30_000, signal);
  await removePods(door, lab);
  try {
    const pods = await makePods(door, lab, {
      kind,
      signal,
      progress: (text) => say({ type: 'progress', text }),
    });
    const ends: TrafficEnd[] = pods.map(({ app, netns, address }) => ({
      app,
      netns,
      address: address.split('/')[0]!,
    }));
    if (values.outside)
      ends.push({
        app: outside.app,
        netns: `/run/netns/${netnsOf(lab, outside.app)}`,
        address: outside.address,
      });
    say({ type: 'progress', text: 'traffic between them' });
    const traffic = await startTraffic(ends, { rate, budget, signal });
    const reporting = new AbortController();
    const reports = reportTraffic(door, pods, traffic, { signal: reporting.signal, away });
    say({ type: 'ready', pods: pods.map(({ app, id, namespace, name }) => ({ app, id, namespace, name })) });
    const telling = setInterval(() => {
      if (values.json) say({ type: 'traffic', ...traffic.load(), apps: traffic.counts() });
    }, 1000);
    try {
      await Promise.race([stop, traffic.failure]);
    } finally {
      clearInterval(telling);
      reporting.abort();
      await reports;
      await traffic.stop();
      await tell(door, pods, traffic);
      say({ type: 'stopped', apps: traffic.counts() });
    }
  } finally {
    await removePods(door, lab);
  }
}

function away(error: Error | null) {
  say({
    type: 'agent',
    away: error !== null,
    text: error ? `${error.message}; the traffic goes on` : 'the agent is back',
  });
}

type Said = { type: 'progress' | 'agent'; text: string; away?: boolean } | { type: string; text?: undefined };

function say(said: Said & Record<string, unknown>) {
  if (values.json) process.stdout.write(`${JSON.stringify(said)}\n`);
  else process.stdout.write(`${said.text ?? said.type}\n`);
}

function positive(option: 'rate' | 'cpu'): number {
  const value = Number(values[option]);
  if (value > 0 && value <= 100) return value;
  throw new ProblemError('bad_request', `--${option} ${values[option]}: a number above 0, up to 100`);
}

/**
 * Holds an abstract Unix socket, which ends with the process however it ends, so that two labs of one name
 * do not take each other's pods. An earlier one that is stopping is waited for.
 */
async function lock(name: string): Promise<Server> {
  for (let tries = 0; ; tries++) {
    const server = createServer();
    const taken = await new Promise<Error | null>((resolve) => {
      server.on('error', resolve);
      server.listen(`\0${name}`, () => resolve(null));
    });
    if (taken === null) return server.unref();
    if (tries === 100 || stopping.signal.aborted)
      throw new ProblemError('bad_request', `a lab called ${values.name} runs already`, {
        hint: 'give --name',
      });
    await sleep(100);
  }
}

function once(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
