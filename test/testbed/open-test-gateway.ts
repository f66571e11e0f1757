import type { Role } from '../../contract/roles.ts';
import { openAgentConnection } from '../../gateway/agent-connection.ts';
import type { DashboardApp } from '../../gateway/dashboard.ts';
import { type GatewayOptions, openGateway } from '../../gateway/server.ts';
import { httpCall } from '../http-call.ts';

/** Takes the place of Next: answers every page with its path. */
const dashboard: DashboardApp = {
  async answer(request, response) {
    response.setHeader('Content-Type', 'text/html');
    response.end(`page ${request.url}`);
  },
  upgrade: (_request, socket) => void socket.destroy(),
  close: async () => {},
};

/** Opens a gateway on a free port for the agent at `agentPath`. */
export async function openTestGateway(
  agentPath: string,
  allowHosts: string[] = [],
  kubernetes: GatewayOptions['kubernetes'] = null,
) {
  const agent = openAgentConnection({ kind: 'unix', path: agentPath }, undefined);
  const gateway = await openGateway({ port: 0, allowHosts, agent, dashboard, dev: false, kubernetes });
  const { port } = gateway;
  const call = (path: string, headers: Record<string, string> = {}, method = 'GET', body?: string | Buffer) =>
    httpCall(port, path, headers, method, body);
  return {
    ...gateway,
    call,
    async signIn(role: Role = 'admin'): Promise<{ cookie: string }> {
      const answer = await call(new URL(gateway.newLink(role)).search.replace(/^/, '/'));
      return { cookie: String(answer.headers['set-cookie']?.[0]).split(';')[0] ?? '' };
    },
    [Symbol.asyncDispose]: () => gateway.stop(),
  };
}
