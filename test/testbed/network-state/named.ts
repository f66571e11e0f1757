import type { MigrationPlan } from '../../../contract/migration.ts';
import type { StateDifference } from './difference.ts';
import type { DeviceEnd } from './element.ts';

/** What a plan says of one thing that it found: what is to become of it. */
export interface NamedItem {
  /** null where a plan only notes it */
  id: string | null;
  where: DeviceEnd | null;
  what: string;
  name: string;
  outcome: 'carried' | 'changed' | 'lost' | 'unknown' | 'refused';
  becomes: string;
}

/** Things that a plan names: its items, and the notes among its checks. */
export function namedItems(plan: MigrationPlan): NamedItem[] {
  const notes = plan.checks.filter(({ state }) => state === 'note');
  return [
    ...plan.items.map(
      ({ id, end, kind, name, outcome, becomes }): NamedItem => ({
        id,
        where: end,
        what: kind,
        name,
        outcome,
        becomes,
      }),
    ),
    ...notes.map(
      ({ name, detail }): NamedItem => ({
        id: null,
        where: null,
        what: 'note',
        name,
        outcome: 'changed',
        becomes: detail,
      }),
    ),
  ];
}

/** Ids to accept, of all that does not stay as it is. */
export const itemsToAccept = (items: readonly NamedItem[]): string[] =>
  items.flatMap(({ id, outcome }) => (id !== null && outcome !== 'carried' ? [id] : []));

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
/** Whether a text has a word: not as part of a longer number, name or address. */
const hasWord = (text: string, word: string): boolean =>
  new RegExp(`(?<![\\w.:-])${literal(word)}(?![\\w:-]|\\.\\w)`, 'i').test(text);

/** Words by which an item may name what differs. */
function identities({ section, line }: StateDifference): string[] {
  const [, second = '', third = ''] = line.split(' ');
  const last = line.split(/[/ ]/).at(-1) ?? line;
  switch (section) {
    case 'link':
      return [
        second,
        ...(second === 'txqlen' ? ['txqueuelen'] : []),
        ...(second === 'altnames' ? ['altname'] : []),
        ...(second === 'ifalias' ? ['alias'] : []),
      ];
    case 'address':
      return [second.split('/')[0] ?? second];
    case 'route':
      return line.split(' ').filter((word) => /[.:]|^default$/.test(word) || word === third);
    case 'firewall':
      return line.split(' ').slice(2);
    case 'sysctl':
    case 'queues':
      return [last];
    case 'neighbor':
    case 'proxy':
    case 'multicast':
    case 'fdb':
    case 'rule':
    case 'nexthop':
      return [line.split(' ')[0] ?? line];
    case 'ethtool':
      return [line];
    default:
      return [section];
  }
}

/**
 * Whether a plan named a difference beforehand: an item of this end that is not to stay as it is, and which names it or
 * has a name that is found in it.
 */
export const isNamed = (difference: StateDifference, items: readonly NamedItem[]): boolean =>
  items.some(({ where, what, name, outcome, becomes }) => {
    if (outcome === 'carried' || outcome === 'refused') return false;
    if (where !== null && where !== difference.end) return false;
    const text = `${what} ${name} ${becomes}`;
    return (
      identities(difference).some((word) => word !== '' && hasWord(text, word)) ||
      (name.length > 2 && hasWord(difference.line, name))
    );
  });
