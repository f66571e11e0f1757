/** What moves between two readings of the same: counters and times. */
const volatile = new Set([
  ...['stats', 'stats64', 'packets', 'bytes', 'drops', 'overlimits', 'requeues', 'backlog', 'qlen'],
  ...['maxpacket', 'drop_overlimit', 'new_flow_count', 'ecn_mark', 'new_flows_len', 'old_flows_len'],
  ...['expires', 'valid_life_time', 'preferred_life_time', 'used', 'confirmed', 'updated', 'probes'],
  // A neighbor goes by itself from one state to the next.
  'state',
  ...['run_time_ns', 'run_cnt', 'pids', 'recursion_misses'],
]);

// biome-ignore lint/suspicious/noExplicitAny: whatever a program prints
type Printed = any;

/** JSON of `ip`, which prints nothing at all where there is nothing. */
export const printed = (text: string): Printed => (text.trim() === '' ? [] : JSON.parse(text));

/** Without what moves, lists in an order of their own. */
export function plain(value: Printed): Printed {
  if (Array.isArray(value)) return value.map(plain).sort(byText);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !volatile.has(name))
      .map(([name, each]) => [name, plain(each)]),
  );
}

const byText = (a: Printed, b: Printed): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** The lines of a file of /proc with their words, numbers left out: those move. */
export const shape = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/\b(0x)?[0-9a-f]*\d[0-9a-f]*\b/g, '#').replace(/\s+/g, ' '));
