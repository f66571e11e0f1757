import { expect, test } from 'vitest';
import { formatBatchOptions, listBatchPodNotes } from '../../../app/pods/_list/_batch/text.ts';
import {
  formatAcceptLabel,
  formatDeviceNameChange,
  formatItemCounts,
  formatPastNoReturn,
  orderByOutcome,
} from '../../../app/pods/[id]/_migration/text.ts';
import type { MigrationCheck, MigrationItem } from '../../../contract/migration.ts';
import { listChecksWithoutItems, needsAcceptance } from '../../../contract/migration-items.ts';
import { toChecks } from '../../../server/datapath/migration/plan-items.ts';

const item = (outcome: MigrationItem['outcome'], more: Partial<MigrationItem> = {}): MigrationItem => ({
  id: `pod/qdisc/${outcome}`,
  end: 'pod',
  kind: 'qdisc',
  key: outcome,
  name: `qdisc ${outcome} 1: root`,
  outcome,
  becomes: 'a new netkit device does not take it on this kernel',
  ...more,
});

test('what is changed or lost has to be accepted; unknown and refused items have not', () => {
  const all = (['changed', 'lost', 'unknown', 'refused'] as const).map((outcome) => item(outcome));
  expect(all.filter(needsAcceptance).map(({ outcome }) => outcome)).toEqual(['changed', 'lost']);
  expect(formatItemCounts([...all, item('lost')])).toBe('1 refused, 2 lost, 1 changed, 1 unknown');
  expect(orderByOutcome(all).map(({ outcome }) => outcome)).toEqual([
    'refused',
    'lost',
    'changed',
    'unknown',
  ]);
  expect(formatAcceptLabel(1)).toBe('Accept this change');
  expect(formatAcceptLabel(3)).toBe('Accept these 3 changes');
});

test('the checks that the agent makes of items are listed once, as items', () => {
  const passed: MigrationCheck = {
    topic: 'device',
    name: 'Pod has its device',
    state: 'passed',
    detail: 'pl3',
    code: null,
  };
  const refused: MigrationCheck = {
    topic: 'kernel',
    name: 'netkit works',
    state: 'refused',
    detail: 'none',
    code: 'no_netkit',
  };
  const items = [item('lost'), item('refused')];
  const checks = [passed, refused, ...toChecks(items)];
  expect(listChecksWithoutItems({ checks, items })).toEqual([passed, refused]);
  expect(listChecksWithoutItems({ checks: [passed, refused], items: [] })).toEqual([passed, refused]);
});

test('a pod that a batch refuses does not repeat its reason as notes', () => {
  const [detail] = toChecks([item('lost')]);
  const notes = [`${detail?.name}: ${detail?.detail}`, 'A program of others: it moves along'];
  expect(listBatchPodNotes({ reason: detail?.detail ?? '', notes })).toEqual([notes[1]]);
  expect(listBatchPodNotes({ reason: null, notes })).toEqual(notes);
  expect(listBatchPodNotes({ reason: null })).toEqual([]);
});

test('texts say that the name stays, when rollback ends, and what a batch does at a loss', () => {
  expect(formatDeviceNameChange('pl3', 'pl3')).toBe('pl3, keeps its name');
  expect(formatDeviceNameChange('pl3', 'pn4')).toBe('pl3, then pn4');
  expect(formatPastNoReturn('drained')).toBe('Past drained: rollback is no longer possible. ');
  const options = { parallelism: 2, onUnhealthy: 'stop', onLoss: 'refuse' } as const;
  expect(formatBatchOptions(options)).toBe(
    'Parallelism 2, stops on the first unhealthy pod, refuses pods with losses,',
  );
  expect(formatBatchOptions({ ...options, onLoss: 'accept' })).toContain(', accepts losses,');
});
