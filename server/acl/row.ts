import type { Rule } from '../../contract/acl.ts';
import { type BaseTree, baseTree, cover, type Label, pass, tellPrefixes } from './cover.ts';
import { ipProtocol } from './packet.ts';
import { type Claim, type Order, type PortTree, portTree } from './ports.ts';
import type { RowEntry } from './tables.ts';

/** Protocols with ports or types, as the keys of entries have them. */
const ported = ['icmp', 'tcp', 'udp', 'sctp'] as const;
type Ported = (typeof ported)[number];

/** Of some rules that hold for the same pods and addresses: who judges what. */
export type Judges = Record<Ported | 'other', PortTree>;

export type BaseJudges = Record<Ported | 'other', BaseTree>;

export const asBase = ({ icmp, tcp, udp, sctp, other }: Judges): BaseJudges => ({
  icmp: baseTree(icmp),
  tcp: baseTree(tcp),
  udp: baseTree(udp),
  sctp: baseTree(sctp),
  other: baseTree(other),
});

/** What a rule claims, whoever comes before it. */
export type RuleClaims = Pick<Rule, 'protocol'> & { claims: readonly Claim[] };

const allPorts = { from: 0, to: 65_535 };

export function ruleClaims({ protocol, ports, icmp, action }: Rule, order: Order): RuleClaims {
  const log = action === 'log';
  const ranges =
    protocol === 'icmp'
      ? icmp.map(({ type, code }) => ({ from: (type << 8) | (code ?? 0), to: (type << 8) | (code ?? 255) }))
      : ports.map(({ from, to }) => ({ from, to: to ?? from }));
  const claims = (ranges.length > 0 ? ranges : [allPorts]).map((range) => ({ ...range, order, log }));
  return { protocol, claims };
}

/** @param rules in the order of evaluation */
export function judges(rules: readonly RuleClaims[]): Judges {
  const of = (protocol: Rule['protocol']): PortTree =>
    portTree(
      rules.flatMap((rule) => (rule.protocol === protocol || rule.protocol === 'any' ? rule.claims : [])),
    );
  const other = of('any');
  const found: Judges = { icmp: other, tcp: other, udp: other, sctp: other, other };
  for (const protocol of ported)
    if (rules.some((rule) => rule.protocol === protocol)) found[protocol] = of(protocol);
  return found;
}

/** Gets entries; protocol 0 is any. */
export type EntrySink = (protocol: RowEntry['protocol'], port: number, length: number, label: Label) => void;

/**
 * Tells the fewest entries that say what `own` judges beside `base`. A base row (`base` null) has an entry for
 * everything, any other one only where it differs.
 */
export function tellEntries(own: Judges, base: BaseJudges | null, tell: EntrySink): void {
  const covers = ported.map((protocol) => cover(own[protocol], base?.[protocol] ?? null));
  const { labels } = cover(own.other, base?.other ?? null);
  // Where the base's own label would do, passing on does too, and says nothing: own rules never make a base's win.
  const label = labels.includes(pass) ? pass : labels[0]!;
  if (label !== pass) tell(0, 0, 0, label);
  ported.forEach((protocol, index) => {
    const number = ipProtocol[protocol];
    tellPrefixes(covers[index]!, label, (port, length, label) => tell(number, port, length, label));
  });
}
