import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startAgentProcess } from './agent-process.ts';
import { formatSignInLinks, type SignInLinksByRole, startGatewayProcess } from './gateway-process.ts';
import { chooseUnprivilegedUser } from './unprivileged-user.ts';

const root = join(import.meta.dirname, '..');

const usage = `npm start -- [--port N] [--allow-host HOST[:PORT]]... [--json] [--dev]
             [--socket PATH] [--database PATH] [--pins PATH] [--trust DIR] [--max-slots N] [--log-level L]
             [--kubernetes KUBECONFIG [--node-name NAME]] [--kubernetes-sign-in KUBECONFIG]

Starts the agent and the gateway of this node and prints a link to the dashboard.
The link is an admin's. Enter prints new ones, for operators and viewers too.
--json prints {"ready":true,"link":…,"links":{"admin","operator","viewer"}} and, after SIGUSR2, the same without
"ready", one a line.
`;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '7480' },
    'allow-host': { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
    dev: { type: 'boolean', default: false },
    socket: { type: 'string', default: '/run/podlane/agent.sock' },
    database: { type: 'string' },
    pins: { type: 'string' },
    trust: { type: 'string' },
    'max-slots': { type: 'string' },
    kubernetes: { type: 'string' },
    'node-name': { type: 'string' },
    'kubernetes-sign-in': { type: 'string' },
    'log-level': { type: 'string', default: 'warn' },
    help: { type: 'boolean', default: false },
  },
});

/** Flags that are the agent's. */
const agentFlags = [
  'database',
  'pins',
  'trust',
  'max-slots',
  'log-level',
  'kubernetes',
  'node-name',
] as const;

/** Child processes to stop at exit, in reverse order of their start. */
const running: { stop(): Promise<void> }[] = [];
let stopping = false;

async function stop(code: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  for (const child of running.reverse()) await child.stop();
  process.exit(code);
}

/** Prints sign-in links: with `ready` the first ones, of which a terminal shows only the admin's, else new ones. */
function showLinks(links: SignInLinksByRole, ready: boolean): void {
  if (values.json)
    process.stdout.write(`${JSON.stringify({ ...(ready && { ready }), link: links.admin, links })}\n`);
  else
    process.stdout.write(
      `${ready ? `\n  ${links.admin}\n` : formatSignInLinks(links)}\nEach link works once, within ten minutes. Enter: new links, for every role. Ctrl-C: stop.\n`,
    );
}

async function main(): Promise<void> {
  if (values.help) return void process.stdout.write(usage);
  if (process.getuid?.() !== 0)
    throw new Error('the agent changes network devices and needs root: sudo npm start');
  if (!values.dev && !existsSync(join(root, '.next/BUILD_ID')))
    throw new Error('the dashboard is not built: run `npm run build`');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop(0));

  const agentArgs = agentFlags.flatMap((name) =>
    values[name] === undefined ? [] : [`--${name}`, values[name]],
  );
  const user = values.dev ? { uid: 0, gid: 0 } : chooseUnprivilegedUser(root);
  const agent = await startAgentProcess(values.socket, [...agentArgs, '--socket-gid', String(user.gid)]);
  running.push(agent);
  const gateway = await startGatewayProcess({
    agent: `unix:${values.socket}`,
    port: Number(values.port),
    allowHosts: values['allow-host'],
    dev: values.dev,
    ...(values['kubernetes-sign-in'] === undefined
      ? {}
      : { kubernetesSignIn: values['kubernetes-sign-in'], nodeName: values['node-name'] }),
  });
  running.push(gateway);

  process.stderr.write(`agent: pid ${agent.pid}, ${values.socket}\n`);
  process.stderr.write(`gateway: pid ${gateway.pid}, user ${user.uid}, group ${user.gid}, no capabilities\n`);
  if (gateway.user?.because)
    process.stderr.write(`gateway: not as nobody, who cannot read ${gateway.user.because}\n`);
  showLinks(gateway.links, true);

  const newLinks = async () => showLinks(await gateway.newLinks(), false);
  process.on('SIGUSR2', newLinks);
  if (process.stdin.isTTY) process.stdin.on('data', newLinks);

  // Never rejects: it resolves with the way the process ended.
  for (const [name, child] of [
    ['agent', agent],
    ['gateway', gateway],
  ] as const)
    void child.ended.then((how) => {
      if (stopping) return;
      process.stderr.write(
        `The ${name} (pid ${child.pid}) ${how}; stopping the rest. The pods keep their network.\n`,
      );
      void stop(1);
    });
}

main().catch((error: Error) => {
  process.stderr.write(`podlane: ${error.message}\n`);
  return stop(1);
});
