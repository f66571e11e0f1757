import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type AgentAddress, parseAgentAddress } from './agent-connection.ts';
import { parseAllowedHost } from './origin-check.ts';

export interface GatewayConfig {
  /** TCP port to listen on at 127.0.0.1; 0 selects a free port. */
  port: number;
  agent: AgentAddress;
  /** Bearer token for an agent that is reached over TCP. */
  agentToken: string | undefined;
  /** Additional hosts under which browsers reach the gateway: `host[:port]`, with `https://` before it behind TLS. */
  allowHosts: string[];
  /** How the gateway reaches Kubernetes to review tokens: a kubeconfig, or `in-cluster`; null: no sign-in by tokens. */
  kubernetesSignIn: string | null;
  /** False: no sign-in links are printed. */
  links: boolean;
  /** Name of the node whose rights count; null: those on all nodes. */
  nodeName: string | null;
  /** Directory that contains `app/` and `.next/`. */
  dir: string;
  dev: boolean;
}

/**
 * Parses the gateway's command line. `--agent-token-file -` reads standard input, so that a token reaches a process that
 * has no access to the file.
 * @throws Error that names the invalid flag
 */
export function readGatewayConfig(args: string[]): GatewayConfig {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: 'string', default: '7480' },
      agent: { type: 'string', default: 'unix:/run/podlane/agent.sock' },
      'agent-token-file': { type: 'string' },
      'allow-host': { type: 'string', multiple: true, default: [] },
      'kubernetes-sign-in': { type: 'string' },
      'node-name': { type: 'string' },
      'no-links': { type: 'boolean', default: false },
      dir: { type: 'string', default: `${import.meta.dirname}/..` },
      dev: { type: 'boolean', default: false },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new Error(`--port ${values.port}: expected a number from 0 to 65535`);
  const tokenFile = values['agent-token-file'];
  const token =
    tokenFile === undefined ? undefined : readFileSync(tokenFile === '-' ? 0 : tokenFile, 'utf8').trim();
  if (token === '') throw new Error(`--agent-token-file ${tokenFile}: the file is empty`);
  const allowHosts = values['allow-host'].map((host) => host.toLowerCase());
  for (const host of allowHosts) parseAllowedHost(host);
  return {
    port,
    agent: parseAgentAddress(values.agent),
    agentToken: token,
    allowHosts,
    kubernetesSignIn: values['kubernetes-sign-in'] ?? null,
    nodeName: values['node-name'] ?? null,
    links: !values['no-links'],
    dir: values.dir,
    dev: values.dev,
  };
}
