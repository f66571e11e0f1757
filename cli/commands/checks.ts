import type { PacketChecks, PodPacketChecks } from '../../contract/packet-checks.ts';
import { ProblemError } from '../../contract/problem.ts';
import { type CliCommand, type CommandInvocation, printResult } from '../command.ts';
import { formatFieldLines, formatTextTable } from '../text-table.ts';

export const checksCommand: CliCommand = {
  name: 'checks',
  parameters: ['POD'],
  summary:
    'shows or changes the sources and frames that a pod may use, and shows what it loses by the checks',
  details:
    'Without options, shows them. --prefix and --ethertype replace the whole list; other settings stay. --reset comes first',
  options: {
    source: { value: 'MODE', summary: 'strict (the pod’s addresses and --prefix), or off (any source)' },
    prefix: { value: 'CIDR', repeatable: true, summary: 'further source, for example of a VPN in the pod' },
    ethertype: {
      value: 'TYPE',
      repeatable: true,
      summary: 'frames other than IP that pass: vlan, qinq, lldp, ptp, pppoe, … or a number such as 0x88b5',
    },
    reset: { summary: 'start from strict checks without prefixes and ethertypes' },
  },
  async run(invocation) {
    const [id = ''] = invocation.args;
    const path = `/pods/${encodeURIComponent(id)}/checks`;
    const found = await invocation.agent.request<PodPacketChecks>('GET', path);
    const body = applyOptions(found.checks, invocation);
    const result =
      body === null ? found : await invocation.agent.request<PodPacketChecks>('PUT', path, { body });
    printResult(invocation, result, describe);
  },
};

/** Returns the checks with the options applied; null if there are none. @throws ProblemError `bad_request` */
function applyOptions(
  checks: PacketChecks,
  { option, options, flag }: CommandInvocation,
): Partial<PacketChecks> | null {
  const source = option('source');
  const [sourcePrefixes, ethertypes] = [options('prefix'), options('ethertype')];
  const reset = flag('reset');
  if (!reset && source === undefined && sourcePrefixes.length === 0 && ethertypes.length === 0) return null;
  if (source !== undefined && source !== 'strict' && source !== 'off')
    throw new ProblemError('bad_request', `--source ${source}: not strict or off`);
  return {
    ...(reset ? {} : checks),
    ...(source === undefined ? {} : { source }),
    ...(source === 'off' ? { sourcePrefixes: [] } : {}),
    ...(sourcePrefixes.length === 0 ? {} : { sourcePrefixes: [...sourcePrefixes] }),
    ...(ethertypes.length === 0 ? {} : { ethertypes: [...ethertypes] }),
  };
}

function describe({ checks, lost }: PodPacketChecks): string {
  const rows = [
    ...lost.sources.map(({ address, ...row }) => ({ name: address, ...row })),
    ...lost.ethertypes.map(({ ethertype, ...row }) => ({ name: ethertype, ...row })),
  ].map(({ name, direction, packets, lastSeen }) => [name, direction, packets, lastSeen]);
  return [
    formatFieldLines({
      source: checks.source,
      prefixes: checks.sourcePrefixes.join(' '),
      ethertypes: checks.ethertypes.join(' '),
      lost: `${lost.counted.spoofedSource} packets of other sources, ${lost.counted.unknownProtocol} other frames`,
    }),
    ...(rows.length === 0 ? [] : ['', formatTextTable(['LOST', 'DIRECTION', 'PACKETS', 'LAST SEEN'], rows)]),
  ].join('\n');
}
