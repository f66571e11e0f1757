import { connectAgent } from './agent-connection.ts';
import { readConfig } from './config.ts';
import { openDashboard } from './dashboard.ts';
import { type Gateway, openGateway } from './server.ts';

/** One JSON object a line on standard output, for whoever started us: `link` is an admin's. */
const say = (gateway: Gateway, more: { ready: true; port: number } | Record<string, never>) => {
  const links = { operator: gateway.newLink('operator'), viewer: gateway.newLink('viewer') };
  process.stdout.write(`${JSON.stringify({ ...more, link: gateway.newLink('admin'), links })}\n`);
};

async function main(): Promise<void> {
  const config = readConfig(process.argv.slice(2));
  const gateway = await openGateway({
    port: config.port,
    allowHosts: config.allowHosts,
    agent: connectAgent(config.agent, config.agentToken),
    pages: await openDashboard(config.dir, config.dev),
    dev: config.dev,
  });
  say(gateway, { ready: true, port: gateway.port });
  process.on('SIGUSR2', () => say(gateway, {}));
  const stop = () => gateway.stop().finally(() => process.exit(0));
  process.once('SIGTERM', stop).once('SIGINT', stop);
}

main().catch((error: NodeJS.ErrnoException) => {
  const text =
    error.code === 'EADDRINUSE'
      ? `${error.message}: another program listens there. Stop it, or take another with --port.`
      : (error.stack ?? error.message);
  process.stderr.write(`gateway: ${text}\n`);
  process.exit(1);
});
