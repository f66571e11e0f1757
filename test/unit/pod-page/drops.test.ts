import { expect, test } from 'vitest';
import {
  addToRecentDropReadings,
  buildDropTableRows,
  type DropReading,
  dropRateWindowMs,
} from '../../../app/pods/[id]/_drops/drop-rates.ts';
import type { PodDrops } from '../../../contract/drops.ts';

const since = '2026-01-01T00:00:00.000Z';
const reading = (at: number, spoofed: number, noSocket: number, kernel: Partial<PodDrops['kernel']> = {}) =>
  ({
    at,
    drops: {
      since,
      ours: spoofed === 0 ? [] : [{ reason: 'spoofed_source', direction: 'egress', packets: spoofed }],
      kernel: {
        available: true,
        since,
        detail: 'attached',
        hint: null,
        lost: 0,
        reasons: [
          { reason: 'NO_SOCKET', number: 3, packets: noSocket, lastSeen: '2026-01-01T00:01:00.000Z' },
        ],
        ...kernel,
      },
    },
  }) satisfies DropReading as DropReading;

test('one reading gives counts and no rate', () => {
  const [spoofed, noSocket] = buildDropTableRows([reading(5000, 4, 9)]);
  expect(spoofed).toMatchObject({ reason: 'spoofed_source', where: 'egress', packets: 4, rate: Number.NaN });
  expect(noSocket).toMatchObject({ reason: 'NO_SOCKET', where: 'kernel', packets: 9, rate: Number.NaN });
  expect(noSocket?.lastSeen).toBe(Date.parse('2026-01-01T00:01:00.000Z'));
  expect(buildDropTableRows([])).toEqual([]);
});

test('rates cover all readings; a new reason had no packets before', () => {
  const rows = buildDropTableRows([reading(0, 0, 9), reading(2000, 0, 9), reading(4000, 8, 11)]);
  expect(rows.map(({ reason, rate }) => [reason, rate])).toEqual([
    ['spoofed_source', 2],
    ['NO_SOCKET', 0.5],
  ]);
});

test('readings of a minute are kept; those before a restart of the agent are removed', () => {
  const old = reading(0, 1, 1);
  const kept = addToRecentDropReadings([old, reading(2000, 1, 2)], reading(dropRateWindowMs + 1000, 1, 3));
  expect(kept.map(({ at }) => at)).toEqual([2000, dropRateWindowMs + 1000]);
  const restarted = reading(dropRateWindowMs + 3000, 1, 0, { since: '2026-01-01T00:05:00.000Z' });
  expect(addToRecentDropReadings(kept, restarted)).toEqual([restarted]);
});
