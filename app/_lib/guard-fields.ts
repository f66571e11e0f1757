import { type GuardChoice, type GuardThresholds, guardThresholds } from '../../contract/guard.ts';

type Name = keyof GuardThresholds;

export interface GuardField {
  name: Name;
  label: string;
  unit: string;
  /** What a person types is this many times the threshold. */
  scale: number;
}

const field = (name: Name, label: string, unit: string, scale = 1): GuardField => ({
  name,
  label,
  unit,
  scale,
});

/** The thresholds in the order a person reads them, by what they are about. */
export const guardGroups: { title: string; about: string; fields: GuardField[] }[] = [
  {
    title: 'Guard',
    about: 'Watches pods on netkit; off, it measures nothing and does nothing.',
    fields: [field('on', 'Watch and act', '')],
  },
  {
    title: 'Drops',
    about: 'By Podlane’s programs; both thresholds have to be reached.',
    fields: [
      field('dropsPerSecond', 'Dropped packets', '/s'),
      field('dropShare', 'Of all packets', '%', 100),
      field('dropSeconds', 'Over', 's'),
    ],
  },
  {
    title: 'One-sided traffic',
    about: 'Packets go one way and none the other, which was used before.',
    fields: [field('oneSidedPerSecond', 'Packets one way', '/s'), field('oneSidedSeconds', 'For', 's')],
  },
  {
    title: 'Probes',
    about: 'From the host. An address that never answered an echo is not missed.',
    fields: [
      field('icmp', 'ICMP echo', ''),
      field('tcpPort', 'TCP connection to port', ''),
      field('probeSeconds', 'Every', 's'),
      field('probeTimeoutMs', 'Wait', 'ms'),
      field('probeFailures', 'Unanswered in a row', ''),
    ],
  },
  {
    title: 'Acts',
    about: 'First repair, then veth, then leave alone. The guard never moves a pod back to netkit.',
    fields: [
      field('repairs', 'Repairs before veth', ''),
      field('repairSeconds', 'A repair counts for', 's'),
      field('coolDownSeconds', 'Between acts', 's'),
    ],
  },
];

/** What stands in the form: text of every field, empty where nothing is chosen. */
export type Draft = Partial<Record<Name, string>>;

export const draftOf = (choice: GuardChoice | null): Draft =>
  Object.fromEntries(
    fields().flatMap((each) => {
      const value = choice?.[each.name];
      return value === undefined ? [] : [[each.name, shown(each, value)]];
    }),
  );

/** A threshold as a person reads it. */
export function shown({ scale }: Pick<GuardField, 'scale'>, value: GuardThresholds[Name]): string {
  if (value === null) return 'none';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return String(rounded(value * scale));
}

/** What was typed as a choice, or why a field cannot be one. */
export function readDraft(draft: Draft): { choice: GuardChoice; problems: Partial<Record<Name, string>> } {
  const problems: Partial<Record<Name, string>> = {};
  const entries = fields().flatMap(({ name, scale }): [Name, unknown][] => {
    const text = draft[name]?.trim() ?? '';
    if (text === '') return [];
    const value =
      text === 'on' ? true : text === 'off' ? false : text === 'none' ? null : rounded(Number(text) / scale);
    const read = guardThresholds.shape[name].safeParse(value);
    if (read.success) return [[name, read.data]];
    problems[name] = read.error.issues[0]?.message ?? 'not valid';
    return [];
  });
  return { choice: Object.fromEntries(entries) as GuardChoice, problems };
}

const fields = (): GuardField[] => guardGroups.flatMap((group) => group.fields);

/** 90.1 % is 0.901, whatever binary fractions make of it. */
const rounded = (value: number): number => Number(value.toPrecision(12));
