import { openAgent } from './agent.ts';
import { readConfig } from './config.ts';
import { openPages } from './pages.ts';
import { openGateway } from './server.ts';

/** One JSON object a line on standard output, for whoever started us. */
const say = (message: { ready: true; port: number; link: string } | { link: string }) =>
  process.stdout.write(`${JSON.stringify(message)}\n`);

async function main(): Promise<void> {
  const config = readConfig(process.argv.slice(2));
  const gateway = await openGateway({
    port: config.port,
    allowHosts: config.allowHosts,
    agent: openAgent(config.agent, config.agentToken),
    pages: await openPages(config.dir, config.dev),
    dev: config.dev,
  });
  say({ ready: true, port: gateway.port, link: gateway.newLink() });
  process.on('SIGUSR2', () => say({ link: gateway.newLink() }));
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
