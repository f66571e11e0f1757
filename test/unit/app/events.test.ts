import { expect, test } from 'vitest';
import { prependEvent } from '../../../app/_lib/event-queries.ts';
import { formatEventLabel } from '../../../app/pods/[id]/_events/text.ts';
import { type AgentEvent, agentEventTypeSchema } from '../../../contract/agent-event.ts';

const event = (id: number): AgentEvent => ({
  id,
  time: '2026-11-22T00:00:00Z',
  type: 'drift',
  severity: 'warning',
  podId: 'a',
  migrationId: null,
  message: 'eth0 has an unexpected address',
});

test('every type of event has a label of its own', () => {
  const labels = agentEventTypeSchema.options.map((type) => formatEventLabel(type));
  for (const type of agentEventTypeSchema.options)
    expect(labels.filter((label) => label === type)).toHaveLength(type === 'drift' ? 1 : 0);
  expect(new Set(labels).size).toBe(agentEventTypeSchema.options.length);
});

test('an event of an unknown type is labeled by its type', () => {
  expect(formatEventLabel('pod.renamed' as AgentEvent['type'])).toBe('pod.renamed');
});

test('a list of events stays newest first, each event once', () => {
  expect(prependEvent([event(3), event(1)], event(2)).map(({ id }) => id)).toEqual([3, 2, 1]);
  expect(prependEvent([event(3)], event(3)).map(({ id }) => id)).toEqual([3]);
});
