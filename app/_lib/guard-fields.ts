import type { GuardThresholdOverrides, GuardThresholds } from '../../contract/guard.ts';
import { guardThresholdRanges } from '../../contract/guard-thresholds.ts';

type Name = keyof GuardThresholds;

export interface GuardField {
  name: Name;
  label: string;
  unit: string;
  /** Factor from a threshold to the number in its form field: 100 for fields in percent. */
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

/** Thresholds of the guard, grouped by subject, in the order of the form. */
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

/** Text of each field in the guard's form. An absent or empty field inherits its threshold. */
export type GuardFieldTexts = Partial<Record<Name, string>>;

/** Converts chosen thresholds to the texts of the guard's form fields. */
export const toGuardFieldTexts = (choice: GuardThresholdOverrides | null): GuardFieldTexts =>
  Object.fromEntries(
    allFields().flatMap((each) => {
      const value = choice?.[each.name];
      return value === undefined ? [] : [[each.name, formatGuardThreshold(each, value)]];
    }),
  );

/** Formats a guard threshold as the user would type it into its field. */
export function formatGuardThreshold(
  { scale }: Pick<GuardField, 'scale'>,
  value: GuardThresholds[Name],
): string {
  if (value === null) return 'none';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return String(withoutBinaryNoise(value * scale));
}

/**
 * Parses the texts of the guard's form. A field with invalid text is left out of the choice and listed in `problems`.
 */
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

/** Returns why a value is invalid for a guard threshold, or null if it is valid. */
function thresholdProblem(name: Name, value: boolean | number | null, scale: number): string | null {
  if (name === 'on' || name === 'icmp') return typeof value === 'boolean' ? null : 'Must be on or off';
  if (name === 'tcpPort' && value === null) return null;
  const { min, max, integer } = guardThresholdRanges[name];
  if (typeof value === 'number' && value >= min && value <= max && (!integer || Number.isInteger(value)))
    return null;
  return `Must be ${integer ? 'a whole number' : 'a number'} from ${min * scale} to ${max * scale}`;
}

const allFields = (): GuardField[] => guardFieldGroups.flatMap((group) => group.fields);

/** Rounds a number to 12 digits, so that 90.1 % becomes 0.901 and not 0.9009999999999999. */
const withoutBinaryNoise = (value: number): number => Number(value.toPrecision(12));
