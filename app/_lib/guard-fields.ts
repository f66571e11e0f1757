import type { GuardThresholdOverrides, GuardThresholds } from '../../contract/guard.ts';
import { guardThresholdRanges } from '../../contract/guard-thresholds.ts';

type Name = keyof GuardThresholds;

export interface GuardField {
  name: Name;
  label: string;
  unit: string;
  /** Factor from the threshold to the number in the form: 100 where the form shows per cent. */
  scale: number;
}

export interface GuardFieldGroup {
  title: string;
  description: string;
  fields: GuardField[];
}

const field = (name: Name, label: string, unit: string, scale = 1): GuardField => ({
  name,
  label,
  unit,
  scale,
});

/** All thresholds of the guard, grouped by subject, in the order of the form. */
export const guardFieldGroups: GuardFieldGroup[] = [
  {
    title: 'Guard',
    description: 'Monitors pods on netkit. When off, it measures nothing and takes no action.',
    fields: [field('on', 'Monitor and act', '')],
  },
  {
    title: 'Drops',
    description: 'Packets dropped by Podlane’s programs. Both thresholds must be reached.',
    fields: [
      field('dropsPerSecond', 'Drop rate', '/s'),
      field('dropShare', 'Drop ratio', '%', 100),
      field('dropSeconds', 'Window', 's'),
    ],
  },
  {
    title: 'One-way traffic',
    description: 'Packets in one direction only, where both directions carried traffic before.',
    fields: [field('oneSidedPerSecond', 'Packet rate', '/s'), field('oneSidedSeconds', 'Duration', 's')],
  },
  {
    title: 'Probes',
    description: 'Sent from the host. Addresses that never replied are ignored.',
    fields: [
      field('icmp', 'ICMP echo', ''),
      field('tcpPort', 'TCP connection to port', ''),
      field('probeSeconds', 'Interval', 's'),
      field('probeTimeoutMs', 'Timeout', 'ms'),
      field('probeFailures', 'Consecutive failures', ''),
    ],
  },
  {
    title: 'Actions',
    description:
      'Repair first, then fall back to veth, then stop and report. The guard never moves a pod back to netkit.',
    fields: [
      field('repairs', 'Repairs before fallback', ''),
      field('repairSeconds', 'Repair window', 's'),
      field('coolDownSeconds', 'Cool-down', 's'),
    ],
  },
];

/** Text of each field of the form; a field that is absent or empty inherits its threshold. */
export type GuardFieldTexts = Partial<Record<Name, string>>;

/** Returns the texts of the form for chosen thresholds. */
export const toGuardFieldTexts = (choice: GuardThresholdOverrides | null): GuardFieldTexts =>
  Object.fromEntries(
    allFields().flatMap((each) => {
      const value = choice?.[each.name];
      return value === undefined ? [] : [[each.name, formatGuardThreshold(each, value)]];
    }),
  );

/** Formats a threshold as it is typed into its field. */
export function formatGuardThreshold(
  { scale }: Pick<GuardField, 'scale'>,
  value: GuardThresholds[Name],
): string {
  if (value === null) return 'none';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return String(withoutBinaryNoise(value * scale));
}

/** Parses the texts of the form. A field whose text is invalid is left out of the choice and has a problem. */
export function parseGuardFields(texts: GuardFieldTexts): {
  choice: GuardThresholdOverrides;
  problems: Partial<Record<Name, string>>;
} {
  const problems: Partial<Record<Name, string>> = {};
  const choice: Partial<Record<Name, boolean | number | null>> = {};
  for (const { name, scale } of allFields()) {
    const text = texts[name]?.trim() ?? '';
    if (text === '') continue;
    const value =
      text === 'on'
        ? true
        : text === 'off'
          ? false
          : text === 'none'
            ? null
            : withoutBinaryNoise(Number(text) / scale);
    const problem = thresholdProblem(name, value, scale);
    if (problem === null) choice[name] = value;
    else problems[name] = problem;
  }
  return { choice: choice as GuardThresholdOverrides, problems };
}

/** Returns why a value is not valid for a threshold, or null. */
function thresholdProblem(name: Name, value: boolean | number | null, scale: number): string | null {
  if (name === 'on' || name === 'icmp') return typeof value === 'boolean' ? null : 'Must be on or off';
  if (name === 'tcpPort' && value === null) return null;
  const { min, max, integer } = guardThresholdRanges[name];
  if (typeof value === 'number' && value >= min && value <= max && (!integer || Number.isInteger(value)))
    return null;
  return `Must be ${integer ? 'a whole number' : 'a number'} from ${min * scale} to ${max * scale}`;
}

const allFields = (): GuardField[] => guardFieldGroups.flatMap((group) => group.fields);

/** Rounds to 12 digits: 90.1 % becomes 0.901, not 0.9009999999999999. */
const withoutBinaryNoise = (value: number): number => Number(value.toPrecision(12));
