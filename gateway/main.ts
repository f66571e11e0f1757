import { openAgentConnection } from './agent-connection.ts';
import { type GatewayConfig, readGatewayConfig } from './config.ts';
import { openDashboardApp } from './dashboard.ts';
import { makeProcessNotDumpable } from './not-dumpable.ts';
import { type Gateway, openGateway } from './server.ts';

/** Prints the sign-in links as one line of JSON for the parent process; `link` is the link of the admin role. */
const printLinks = (gateway: Gateway, more: { ready: true; port: number } | Record<string, never>) => {
  const links = { operator: gateway.newLink('operator'), viewer: gateway.newLink('viewer') };
  process.stdout.write(`${JSON.stringify({ ...more, link: gateway.newLink('admin'), links })}\n`);
};

/** Opens the sign-in by tokens of Kubernetes, whose client takes 90 MB of memory; null unless it is configured. */
async function openKubernetesSignIn({ kubernetesSignIn, nodeName }: GatewayConfig) {
  if (kubernetesSignIn === null) return null;
  const { KubernetesSignIn, openTokenReviewer } = await import('./kubernetes-sign-in.ts');
  return new KubernetesSignIn(openTokenReviewer(kubernetesSignIn, nodeName));
}

async function main(): Promise<void> {
  makeProcessNotDumpable();
  const config = readGatewayConfig(process.argv.slice(2));
  const gateway = await openGateway({
    port: config.port,
    allowHosts: config.allowHosts,
    agent: openAgentConnection(config.agent, config.agentToken),
    dashboard: await openDashboardApp(config.dir, config.dev),
    dev: config.dev,
    kubernetes: await openKubernetesSignIn(config),
  });
  if (config.links) {
    printLinks(gateway, { ready: true, port: gateway.port });
    process.on('SIGUSR2', () => printLinks(gateway, {}));
  } else process.stdout.write(`${JSON.stringify({ ready: true, port: gateway.port })}\n`);
  const stop = () => {
    void gateway
      .stop()
      .catch((error: unknown) => process.stderr.write(`gateway: stopping failed: ${error}\n`))
      .finally(() => process.exit(0));
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
}

main().catch((error: NodeJS.ErrnoException) => {
  const text =
    error.code === 'EADDRINUSE'
      ? `${error.message}: another program listens on it. Stop it, or choose another port with --port.`
      : (error.stack ?? error.message);
  process.stderr.write(`gateway: ${text}\n`);
  process.exit(1);
});
