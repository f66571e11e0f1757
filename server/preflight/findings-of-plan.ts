import type { MigrationCheck, MigrationItem, MigrationPlan } from '../../contract/migration.ts';
import {
  formatMigrationItem,
  listChecksWithoutItems,
  needsAcceptance,
} from '../../contract/migration-items.ts';
import type { PreflightFinding, PreflightPodRef } from '../../contract/preflight.ts';
import {
  type PreflightReason,
  type PreflightSubject,
  preflightReasons,
} from '../../contract/preflight-reasons.ts';
import { quoteShellWord } from '../datapath/migration/shell-commands.ts';
import type { SettingKind } from '../datapath/network-state/setting.ts';
import { createFinding } from './findings.ts';

/** Subjects that a plan of a migration looks at. */
export const plannedSubjects = [
  'kernel',
  'forwarding',
  'device',
  'programs',
  'xdp',
  'qdiscs',
  'queues',
  'sockets',
  'children',
  'network',
  'firewall',
  'nat',
  'settings',
] as const satisfies readonly PreflightSubject[];

/** Subjects for which settings are tried on a device of the new kind. */
const rehearsedSubjects = ['settings', 'qdiscs', 'queues'] as const satisfies readonly PreflightSubject[];

/** Kinds of items that are no settings of an interface. */
type OtherItemKind =
  | 'bridge port'
  | 'child interface'
  | 'socket'
  | 'multicast group'
  | 'XDP link'
  | 'program helper'
  | 'masqueraded connection'
  | 'firewall rule'
  | 'routing rule'
  | 'xfrm state';

/** The reason of each kind of item. */
export const itemReasons: Readonly<Record<SettingKind | OtherItemKind, PreflightReason>> = {
  'link setting': 'setting',
  address: 'address',
  route: 'route',
  'next hop': 'route',
  neighbour: 'neighbor',
  'bridge entry': 'bridge_entry',
  'bridge port': 'bridge_port',
  qdisc: 'qdisc',
  'traffic class': 'traffic_class',
  filter: 'filter',
  'redirecting action': 'redirecting_action',
  sysctl: 'setting',
  offload: 'setting',
  'queue setting': 'queue_setting',
  'multicast address': 'multicast_group',
  'multicast group': 'multicast_group',
  'XDP program': 'xdp_program',
  'XDP link': 'xdp_link',
  'xfrm policy': 'xfrm',
  'xfrm state': 'xfrm',
  'mptcp endpoint': 'mptcp_endpoint',
  'child interface': 'child_interface',
  socket: 'socket',
  'program helper': 'program_helper',
  'masqueraded connection': 'masqueraded_connection',
  'firewall rule': 'firewall_rule',
  'routing rule': 'routing_rule',
};

/** The reason of items that the kernel does not tell enough about. */
const unknownReasons: Partial<Record<PreflightReason, PreflightReason>> = {
  socket: 'socket_not_read',
  program_helper: 'program_not_read',
};

/** Turns the plan of a pod's migration to netkit into findings. */
export function listPlanFindings(
  pod: Pick<PreflightPodRef, 'namespace' | 'name'>,
  plan: Pick<MigrationPlan, 'checks' | 'items'>,
): PreflightFinding[] {
  const checks = listChecksWithoutItems(plan).filter(({ code }) => code !== 'already_on_kind');
  const withoutNetkit = checks.find(({ code }) => code === 'no_netkit');
  return [
    ...checks.filter(({ state }) => state !== 'passed').map(toCheckFinding),
    ...plan.items.map((item) => toItemFinding(pod, item)),
    ...(withoutNetkit === undefined
      ? []
      : rehearsedSubjects.map((subject) =>
          createFinding('not_rehearsed', 'not_checked', 'whether netkit takes all of it was not tried', {
            subject,
          }),
        )),
  ];
}

const noteReasons: Partial<Record<MigrationCheck['topic'], PreflightReason>> = {
  programs: 'program_carried',
  rename: 'renamed',
  'link layer': 'link_layer',
};

function toCheckFinding({ topic, state, code, name, detail }: MigrationCheck): PreflightFinding {
  if (state === 'refused')
    return createFinding(
      isReason(code) ? code : 'not_looked',
      'refused',
      isReason(code) ? detail : `${name}: ${detail}`,
    );
  return createFinding(
    noteReasons[topic] ?? 'not_looked',
    'note',
    noteReasons[topic] ? detail : `${name}: ${detail}`,
  );
}

function toItemFinding(
  { namespace, name }: Pick<PreflightPodRef, 'namespace' | 'name'>,
  item: MigrationItem,
): PreflightFinding {
  const kinds: Readonly<Record<string, PreflightReason>> = itemReasons;
  const reason = kinds[item.kind] ?? 'setting';
  const detail = `${formatMigrationItem(item)} (${item.end === 'pod' ? 'in the pod' : 'on the host'})`;
  if (item.outcome === 'refused') return createFinding(reason, 'refused', detail);
  if (item.outcome === 'unknown') {
    // Whether a program goes on to work decides; a socket that may end needs no acceptance.
    const outcome = reason === 'program_helper' ? 'unknown' : 'not_checked';
    return createFinding(unknownReasons[reason] ?? reason, outcome, detail);
  }
  return createFinding(
    item.kind === 'masqueraded connection' && item.key === 'unreadable' ? 'masquerade_not_read' : reason,
    'loss',
    detail,
    {
      item: item.id,
      command: needsAcceptance(item)
        ? `podlane migrate ${quoteShellWord(`${namespace}.${name}`)} netkit --accept ${quoteShellWord(item.id)}`
        : null,
    },
  );
}

const isReason = (code: string | null): code is PreflightReason => code !== null && code in preflightReasons;
