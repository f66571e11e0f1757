import { expect, test } from 'vitest';
import { eventLabel, eventLabels, prependEvent } from '../../../app/_lib/event-queries.ts';
import { type Event, eventType } from '../../../contract/event.ts';

const event = (id: number): Event => ({
  id,
  time: '2026-11-22T00:00:00Z',
  type: 'drift',
  severity: 'warning',
  podId: 'a',
  migrationId: null,
  message: 'eth0 has an address that nobody asked for',
});

test('every type of event has words of its own', () => {
  const words = eventType.options.map((type) => eventLabels[type]);
  expect(new Set(words).size).toBe(eventType.options.length);
});

test('an event of a newer agent is named as it names it', () => {
  expect(eventLabel('pod.renamed' as Event['type'])).toBe('pod.renamed');
});

test('a list of events stays the newest first, each once', () => {
  expect(prependEvent([event(3), event(1)], event(2)).map(({ id }) => id)).toEqual([3, 2, 1]);
  expect(prependEvent([event(3)], event(3)).map(({ id }) => id)).toEqual([3]);
});
