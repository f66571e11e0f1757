import { get } from 'node:http';

// Probe of a container that runs the agent: exits with 0 if the agent answers on its socket. Small, since it is started often.
const socketPath = process.argv[2] ?? '/run/podlane/agent.sock';
get({ socketPath, path: '/api/v1/health', timeout: 8000 }, ({ statusCode }) =>
  process.exit(statusCode === 200 ? 0 : 1),
)
  .on('timeout', () => process.exit(1))
  .on('error', () => process.exit(1));
