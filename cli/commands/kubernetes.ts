import type { KubernetesStatus } from '../../contract/kubernetes.ts';
import { type CliCommand, printResult } from '../command.ts';
import { formatFieldLines, formatTextTable } from '../text-table.ts';

export const kubernetesCommand: CliCommand = {
  name: 'kubernetes',
  parameters: [],
  summary: 'shows the connection to the cluster, and its NetworkPolicies',
  details:
    'What is known stays while the API server is away: names, labels and policies are then those of when it was heard last',
  options: {},
  async run(invocation) {
    const status = await invocation.agent.request<KubernetesStatus>('GET', '/kubernetes');
    printResult(invocation, status, describe);
  },
};

function describe({
  configured,
  state,
  since,
  server,
  node,
  error,
  watches,
  policies,
  statusWrites,
}: KubernetesStatus): string {
  if (!configured) return 'The agent follows no cluster: it was started without --kubernetes.';
  const { applied, refused, waiting } = policies;
  return [
    formatFieldLines({
      'API server': server ?? '',
      node: node ?? '',
      state: `${state}${since === null ? '' : ` since ${since}`}`,
      ...(error === null ? {} : { error }),
      policies: `${applied} applied, ${refused} refused, ${waiting} waiting`,
      ...(statusWrites.error === null
        ? {}
        : { 'status writes': `${statusWrites.state}: ${statusWrites.error}` }),
    }),
    formatTextTable(
      ['OBJECTS', 'STATE', 'KNOWN', 'LAST HEARD'],
      watches.map(({ resource, state, objects, lastEvent }) => [
        resource,
        state,
        objects,
        lastEvent ?? 'never',
      ]),
    ),
    ...(policies.items.length === 0
      ? ['No NetworkPolicy of the cluster isolates a pod of this node.']
      : [
          formatTextTable(
            ['POLICY', 'STATE', 'RULES', 'REASON'],
            policies.items.map(({ namespace, name, state, rules, reason }) => [
              `${namespace}/${name}`,
              state,
              rules,
              reason ?? '',
            ]),
          ),
        ]),
  ].join('\n\n');
}
