import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type DeviceKind, deviceKindSchema } from '../contract/device.ts';
import { probeCapabilities } from '../server/kernel/probe-capabilities.ts';
import { labNamePattern } from '../server/lab/lab-topology.ts';
import {
  formatSignInLinks,
  type GatewayProcess,
  type SignInLinksByRole,
  startGatewayProcess,
} from './gateway-process.ts';
import { startContainerLabNode } from './lab/start-container-node.ts';
import { startLabNodeInGuest } from './lab/start-lab-guest.ts';
import { getLabDirectory, type LabTrafficCounts, startLabNode } from './lab/start-lab-node.ts';
import { installRuntimes, type RuntimeName, runtimeNames } from './runtimes/install-runtimes.ts';
import { chooseUnprivilegedUser } from './unprivileged-user.ts';

const root = join(import.meta.dirname, '..');

const usage = `Usage: npm run lab -- [options]

Starts six pods with traffic, the agent and the dashboard, and prints a link. Where the running kernel has no
netkit, pods and agent run in a virtual machine whose kernel has it. Ctrl-C takes everything away.

  --runtime NAME   runs the pods as containers of docker, podman or containerd, with a published port; the
                   daemon is isolated from this machine, and its Debian packages are installed if they are missing
  --native         on this kernel in any case; without netkit: veth devices only
  --port N         of the dashboard; default 7480, 0 takes a free one
  --rate FACTOR    multiplies the traffic; default 1
  --kind KIND      netkit or veth for all pods; default: netkit where the kernel has it
  --name NAME      tells labs on one machine apart; default lab
  --trust DIR      public keys whose builds of the datapath may be run; without a guest only
  --no-dashboard   the agent and the pods only
  --json           prints {"ready":true,"link","links","environment","agent"…}, then each second
                   {"event":"traffic","apps":{"cart":{"ok","failed","reconnects"}…}}, and {"event":"agent-ended"}
`;

const { values } = parseArgs({
  options: {
    native: { type: 'boolean', default: false },
    port: { type: 'string', default: '7480' },
    rate: { type: 'string', default: '1' },
    kind: { type: 'string' },
    runtime: { type: 'string' },
    name: { type: 'string', default: 'lab' },
    trust: { type: 'string' },
    dashboard: { type: 'boolean', default: true },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
});

/** The running lab without its gateway. `agent` is an address in the form that the gateway accepts. */
interface Running {
  agent: string;
  token?: string;
  agentEnded: Promise<string>;
  /** Resolves once the lab has ended, with the reason. */
  ended: Promise<string>;
  /** Process id of the agent; set only in a lab without a guest. */
  agentPid?: number;
  agentCommand?: string[];
  /** Of a lab with a container runtime: URL of the published port, and a command that requests it. */
  published?: { url: string; command?: string };
  stop(): Promise<void>;
}

const stopping = new AbortController();
let told = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    if (stopping.signal.aborted) progress('still removing the lab, a few seconds');
    else stopping.abort(new Error(`stopped by ${signal}`));
  });
// The terminal, or whoever read the output, has gone.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => stopping.abort());

if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}
try {
  await main();
} catch (error) {
  if (!stopping.signal.aborted) {
    process.stderr.write(`podlane lab: ${(error as Error).message}\n`);
    if (error instanceof Error && 'hint' in error && error.hint) process.stderr.write(`  ${error.hint}\n`);
    process.exitCode = 1;
  }
}
process.exit();

async function main(): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new Error('making network namespaces and devices needs root: sudo npm run lab');
  if (!labNamePattern.test(values.name))
    throw new Error(`--name ${values.name}: lower case letters, digits and -`);
  if (!(Number(values.rate) > 0)) throw new Error(`--rate ${values.rate}: a number above 0`);
  const kind = values.kind === undefined ? undefined : deviceKindSchema.parse(values.kind);
  const runtime = chooseRuntime();
  if (values.dashboard && !existsSync(join(root, '.next/BUILD_ID')))
    throw new Error('the dashboard is not built: run `npm run build`');

  if (runtime !== undefined) await installRuntimes([runtime]);
  const netkit = (await probeCapabilities()).find(({ name }) => name === 'netkit');
  if (!netkit) throw new Error('the kernel was not probed for netkit');
  const environment = values.native || netkit.available ? 'native' : 'guest';
  if (environment === 'guest')
    progress(`this kernel has no netkit (${netkit.detail}): using a guest that has it`);
  else if (!netkit.available && runtime === undefined)
    progress(`this kernel has no netkit (${netkit.detail}): the pods get veth devices`);

  const running = await startNode(environment, kind, runtime);
  let gateway: GatewayProcess | undefined;
  try {
    if (values.dashboard && !stopping.signal.aborted) {
      progress('dashboard');
      gateway = await startGatewayProcess({
        agent: running.agent,
        port: Number(values.port),
        ...(running.token === undefined ? {} : { agentToken: running.token }),
      });
    }
    tellReady(running, environment, gateway?.links);
    await untilOver(running, gateway);
  } finally {
    progress('removing the lab');
    await Promise.all([gateway?.stop(), running.stop()]);
    rmSync(getLabDirectory(values.name), { recursive: true, force: true });
  }
}

function startNode(
  environment: 'native' | 'guest',
  kind: DeviceKind | undefined,
  runtime: RuntimeName | undefined,
): Promise<Running> {
  if (environment === 'guest') return startGuest(kind, runtime);
  return runtime === undefined ? startNative(kind) : startContainers(runtime);
}

/** @throws Error for a runtime that there is none of, or options that cannot go with one */
function chooseRuntime(): RuntimeName | undefined {
  const { runtime } = values;
  if (runtime === undefined) return undefined;
  const name = runtimeNames.find((each) => each === runtime);
  if (name === undefined) throw new Error(`--runtime ${runtime}: one of ${runtimeNames.join(', ')}`);
  if (values.kind !== undefined) throw new Error('--kind: the runtime makes the devices, which are veth');
  return name;
}

async function startContainers(runtime: RuntimeName): Promise<Running> {
  const node = await startContainerLabNode({
    lab: values.name,
    runtime,
    own: true,
    environment: 'native',
    ...(values.trust === undefined ? {} : { trust: resolve(values.trust) }),
    socketGid: chooseUnprivilegedUser(root).gid,
    rate: Number(values.rate),
    progress,
    counted,
    signal: stopping.signal,
  });
  return {
    agent: `unix:${node.socket}`,
    agentEnded: node.agent.ended,
    ended: node.ended.then((how) => `${runtime} ${how}`),
    agentPid: node.agent.pid,
    agentCommand: node.agentCommand,
    published: node.published,
    stop: node.stop,
  };
}

async function startNative(kind: DeviceKind | undefined): Promise<Running> {
  const node = await startLabNode({
    lab: values.name,
    own: true,
    environment: 'native',
    ...(values.trust === undefined ? {} : { trust: resolve(values.trust) }),
    socketGid: chooseUnprivilegedUser(root).gid,
    kind,
    rate: Number(values.rate),
    progress,
    counted,
    signal: stopping.signal,
  });
  return {
    agent: `unix:${node.socket}`,
    agentEnded: node.agent.ended,
    ended: node.traffic.ended.then((how) => `the traffic ${how}`),
    agentPid: node.agent.pid,
    agentCommand: node.agentCommand,
    stop: node.stop,
  };
}

async function startGuest(kind: DeviceKind | undefined, runtime: RuntimeName | undefined): Promise<Running> {
  const guest = await startLabNodeInGuest({
    lab: values.name,
    kind,
    runtime,
    rate: Number(values.rate),
    progress,
    counted,
    signal: stopping.signal,
  });
  return { ...guest, ended: guest.ended.then((how) => `the guest ${how}`) };
}

function tellReady(running: Running, environment: string, links: SignInLinksByRole | undefined): void {
  if (stopping.signal.aborted) return;
  told = true;
  const { agent, agentPid, agentCommand, published } = running;
  if (!values.json) {
    process.stdout.write(`\n  ${links?.admin ?? agent}\n\n`);
    if (published) process.stdout.write(formatPublishedPort(published));
    if (links)
      process.stdout.write('The link works once, within ten minutes. Enter: new links, for every role. ');
    process.stdout.write('Ctrl-C: stop.\n');
    return;
  }
  const tokenFile = running.token === undefined ? undefined : writeToken(running.token);
  say({
    ready: true,
    link: links?.admin,
    links,
    environment,
    agent,
    tokenFile,
    agentPid,
    agentCommand,
    published,
  });
}

const formatPublishedPort = ({ url, command }: { url: string; command?: string }): string =>
  `The port that web publishes: ${url}${command === undefined ? '' : `, from outside:\n  ${command}`}\n`;

function writeToken(token: string): string {
  const file = join(getLabDirectory(values.name), 'token');
  mkdirSync(getLabDirectory(values.name), { recursive: true, mode: 0o755 });
  writeFileSync(file, token, { mode: 0o600 });
  return file;
}

/** Waits for a signal to stop. @throws Error naming a process that the lab needs if that process exits first */
async function untilOver(running: Running, gateway: GatewayProcess | undefined): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    if (stopping.signal.aborted) resolve();
    stopping.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  // Never rejects: it resolves with the way the agent ended.
  void running.agentEnded.then((how) => {
    if (stopping.signal.aborted) return;
    progress(`the agent ${how}; the pods and their traffic go on without it`);
    if (running.agentCommand) progress(`to start it again: ${running.agentCommand.join(' ')}`);
    if (values.json) say({ event: 'agent-ended', how });
  });
  const newLinks = async () => gateway && tellLinks(await gateway.newLinks());
  process.on('SIGUSR2', newLinks);
  if (process.stdin.isTTY) process.stdin.on('data', newLinks);
  const fatal = Promise.race([
    running.ended,
    ...(gateway ? [gateway.ended.then((how) => `the dashboard ${how}`)] : []),
  ]).then((how) => {
    throw new Error(how);
  });
  fatal.catch(() => {});
  await Promise.race([stopped, fatal]);
}

function tellLinks(links: SignInLinksByRole): void {
  if (values.json) say({ link: links.admin, links });
  else process.stdout.write(formatSignInLinks(links));
}

function counted(apps: LabTrafficCounts): void {
  if (values.json && told) say({ event: 'traffic', apps });
}

function say(said: object): void {
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

/** Prints the start of each step to standard error. */
function progress(text: string): void {
  process.stderr.write(told ? `${text}\n` : `… ${text}\n`);
}
