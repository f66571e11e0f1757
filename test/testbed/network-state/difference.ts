import type { DeviceEnd } from './element.ts';
import { maskLine, type SnapshotComparison } from './masks.ts';
import type { NetworkStateSnapshot, SnapshotSection } from './snapshot.ts';
import type { StateLine } from './snapshot-lines.ts';

/** Something that is not as it was. */
export interface StateDifference {
  end: DeviceEnd;
  /** `route`, `sysctl`, … */
  section: string;
  /** What it is: `IPv4 198.18.0.16/28 table main`. */
  line: string;
  /** `lost: …`, `new: …`, `was … is …`. */
  change: string;
}

/** Seconds by which a lifetime may be off after the time that went by; a slow guest takes some of them. */
const tolerance = 120;

/** Lists what differs between two snapshots of one device, or of a device and the one in its place. */
export function difference(
  before: NetworkStateSnapshot,
  after: NetworkStateSnapshot,
  comparison: SnapshotComparison,
): StateDifference[] {
  return before.flatMap((section) => {
    const now = after.find((each) => each.end === section.end && each.section === section.section);
    if (!now) throw new Error(`no section ${section.section} of the ${section.end} afterwards`);
    const found = compareSection(section, now, comparison);
    // Where an address is missing, the order is another.
    const further = found.filter(({ line }) => !/order of inet6?$/.test(line));
    return further.length > 0 ? further : found;
  });
}

function compareSection(
  before: SnapshotSection,
  after: SnapshotSection,
  comparison: SnapshotComparison,
): StateDifference[] {
  const { end, section } = before;
  const was = grouped(before, comparison);
  const is = grouped(after, comparison);
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((line) => {
    const [old, current] = [was.get(line) ?? [], is.get(line) ?? []];
    if (same(old, current)) return [];
    return [{ end, section, line, change: changeOf(old, current) }];
  });
}

function grouped(
  { section, lines }: SnapshotSection,
  comparison: SnapshotComparison,
): Map<string, StateLine[]> {
  const groups = new Map<string, StateLine[]>();
  for (const line of lines) {
    const value = maskLine(comparison, section, line.key, line.value);
    if (value === null) continue;
    groups.set(line.key, [...(groups.get(line.key) ?? []), { ...line, value }]);
  }
  return groups;
}

const sameLine = (a: StateLine, b: StateLine): boolean =>
  a.value === b.value &&
  a.seconds.length === b.seconds.length &&
  a.seconds.every((each, i) => Math.abs(each - (b.seconds[i] ?? 0)) <= tolerance);
const same = (a: readonly StateLine[], b: readonly StateLine[]): boolean =>
  a.length === b.length && a.every((each, i) => sameLine(each, b[i] ?? { key: '', value: '', seconds: [] }));

const text = (lines: readonly StateLine[]): string =>
  lines
    .map(({ value, seconds }) => `${value}${seconds.length > 0 ? ` (${seconds.join(', ')} s)` : ''}`)
    .join(' + ');

function changeOf(old: readonly StateLine[], current: readonly StateLine[]): string {
  if (current.length === 0) return `lost: ${text(old)}`;
  if (old.length === 0) return `new: ${text(current)}`;
  const gone = old.filter((line) => !current.some((each) => sameLine(line, each)));
  const come = current.filter((line) => !old.some((each) => sameLine(line, each)));
  if (gone.length === 0 && come.length === 0)
    return old.length === current.length
      ? `another order: was ${text(old)}, is ${text(current)}`
      : `${old.length} times, is there ${current.length} times`;
  if (come.length === 0) return `lost: ${text(gone)}`;
  if (gone.length === 0) return `new: ${text(come)}`;
  return `was ${text(gone)}, is ${text(come)}`;
}

/** Formats a difference in one line. */
export const formatDifference = ({ end, section, line, change }: StateDifference): string =>
  `${end} ${section}: ${line}: ${change}`;
