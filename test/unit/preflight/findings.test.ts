import { expect, test } from 'vitest';
import type { MigrationCheck, MigrationItem } from '../../../contract/migration.ts';
import {
  describeLook,
  listPreflightSubjects,
  type PreflightReason,
  type preflightOutcomes,
  preflightReasons,
  preflightSubjects,
  toPreflightVerdict,
  worstOutcome,
} from '../../../contract/preflight-reasons.ts';
import { problemDefinitions } from '../../../contract/problem.ts';
import { toChecks as toPlanChecks } from '../../../server/datapath/migration/plan-items.ts';
import { createFinding, explainReasons, toChecks } from '../../../server/preflight/findings.ts';
import {
  itemReasons,
  listPlanFindings,
  plannedSubjects,
} from '../../../server/preflight/findings-of-plan.ts';

const pod = { namespace: 'shop', name: 'cart' };
const item = (
  kind: string,
  outcome: MigrationItem['outcome'],
  more: Partial<MigrationItem> = {},
): MigrationItem => ({
  id: `host/${kind}/1`,
  end: 'host',
  kind,
  key: '1',
  name: `the ${kind}`,
  outcome,
  becomes: 'it goes',
  ...more,
});
const ofItems = (...items: MigrationItem[]) => listPlanFindings(pod, { checks: toPlanChecks(items), items });

test('every subject says what is looked at, of the node or of a pod, and belongs to a reason', () => {
  for (const of of ['node', 'pod'] as const)
    for (const subject of listPreflightSubjects(of)) expect(describeLook(subject, of)).not.toBe('');
  const used = new Set(Object.values(preflightReasons).map(({ subject }) => subject as string));
  expect([...used].sort()).toEqual(Object.keys(preflightSubjects).sort());
  expect(listPreflightSubjects('pod')).toEqual(expect.arrayContaining([...plannedSubjects]));
});

test('a reason has a title that ends without a stop, and a remedy of whole sentences or none', () => {
  for (const text of Object.values(preflightReasons)) {
    expect(text.title).toMatch(/^[A-Zn].*[^.]$/);
    if (text.remedy !== null) expect(text.remedy).toMatch(/[.)]$/);
  }
});

test('each item becomes a finding once, although the plan repeats it as a check', () => {
  for (const [kind, reason] of Object.entries(itemReasons)) {
    const findings = ofItems(item(kind, 'lost'));
    expect(findings).toMatchObject([{ reason, outcome: 'loss', item: `host/${kind}/1` }]);
    expect(findings[0]?.detail).toBe(`the ${kind}: it goes (on the host)`);
  }
});

test('items that refuse, and those that the kernel does not tell, are not losses', () => {
  expect(ofItems(item('child interface', 'refused'))).toMatchObject([
    { reason: 'child_interface', outcome: 'refused', item: null, command: null },
  ]);
  expect(ofItems(item('socket', 'unknown'))).toMatchObject([
    { reason: 'socket_not_read', outcome: 'not_checked' },
  ]);
  // Whether a program goes on to work decides.
  expect(ofItems(item('program helper', 'unknown'))).toMatchObject([
    { reason: 'program_not_read', outcome: 'unknown' },
  ]);
  expect(ofItems(item('masqueraded connection', 'lost', { key: 'unreadable' }))).toMatchObject([
    { reason: 'masquerade_not_read', outcome: 'loss' },
  ]);
});

test('the command that accepts an item is quoted for a shell', () => {
  const [finding] = ofItems(item('qdisc', 'lost', { id: "pod/qdisc/it's 1:" }));
  expect(finding?.command).toBe(String.raw`podlane migrate shop.cart netkit --accept 'pod/qdisc/it'\''s 1:'`);
});

test('refused checks have the reason of their code, notes that of their topic, passed ones none', () => {
  const check = (more: Partial<MigrationCheck>): MigrationCheck => ({
    topic: 'device',
    name: 'Check',
    state: 'passed',
    detail: 'detail',
    code: null,
    ...more,
  });
  const found = listPlanFindings(pod, {
    items: [],
    checks: [
      check({}),
      check({ topic: 'kind', state: 'refused', code: 'already_on_kind' }),
      check({ topic: 'interfaces', state: 'refused', code: 'second_interface' }),
      check({ topic: 'link layer', state: 'note' }),
      check({ topic: 'programs', state: 'note' }),
    ],
  });
  expect(found.map(({ reason, outcome }) => [reason, outcome])).toEqual([
    ['second_interface', 'refused'],
    ['link_layer', 'note'],
    ['program_carried', 'note'],
  ]);
});

test('without netkit, what would be tried on it is not checked', () => {
  const found = listPlanFindings(pod, {
    items: [],
    checks: [{ topic: 'kernel', name: 'netkit', state: 'refused', code: 'no_netkit', detail: 'none' }],
  });
  const checks = toChecks('pod', listPreflightSubjects('pod'), found);
  const state = (subject: string) => checks.find((each) => each.subject === subject)?.state;
  expect(['kernel', 'settings', 'qdiscs', 'queues', 'sockets'].map(state)).toEqual([
    'refused',
    'not_checked',
    'not_checked',
    'not_checked',
    'passed',
  ]);
});

test('codes of problems that refuse a migration are reasons', () => {
  const codes = ['no_netkit', 'host_not_ready', 'no_slot', 'pod_gone', 'device_missing', 'migration_running'];
  for (const code of [...codes, 'pod_busy', 'second_interface', 'interface_in_use']) {
    expect(preflightReasons).toHaveProperty(code);
    expect(problemDefinitions).toHaveProperty(code);
  }
});

test('a subject that could not be looked at has not passed', () => {
  const [sockets, xdp] = toChecks('pod', ['sockets', 'xdp'], [], new Map([['sockets', 'EIO']]));
  expect(sockets).toMatchObject({
    state: 'not_checked',
    findings: [{ reason: 'not_looked', detail: 'EIO' }],
  });
  expect(xdp).toMatchObject({ state: 'passed', findings: [] });
});

test('the verdict is that of the worst finding; what does not decide changes nothing', () => {
  const verdict = (...outcomes: (typeof preflightOutcomes)[number][]) =>
    toPreflightVerdict(
      'veth',
      outcomes.map((outcome) => ({ outcome })),
    );
  expect(verdict()).toBe('ready');
  expect(verdict('note', 'not_checked')).toBe('ready');
  expect(verdict('note', 'loss')).toBe('ready_with_losses');
  expect(verdict('loss', 'unknown')).toBe('unknown');
  expect(verdict('unknown', 'refused', 'loss')).toBe('refused');
  expect(toPreflightVerdict('netkit', [{ outcome: 'refused' }])).toBe('on_netkit');
  expect(worstOutcome([])).toBe('passed');
});

test('reasons are explained once, the worst first, then those of most pods', () => {
  const finding = (reason: PreflightReason, outcome: (typeof preflightOutcomes)[number]) =>
    createFinding(reason, outcome, 'detail');
  const explained = explainReasons(
    [
      { findings: [finding('socket', 'loss'), finding('socket', 'loss'), finding('link_layer', 'note')] },
      { findings: [finding('link_layer', 'note'), finding('xdp_program', 'loss')] },
      { findings: [finding('xdp_program', 'loss'), finding('child_interface', 'refused')] },
    ],
    [finding('no_netkit', 'refused'), finding('link_layer', 'note')],
  );
  expect(explained.map(({ reason, outcome, pods, node }) => [reason, outcome, pods, node])).toEqual([
    ['child_interface', 'refused', 1, false],
    ['no_netkit', 'refused', 0, true],
    ['xdp_program', 'loss', 2, false],
    ['socket', 'loss', 1, false],
    ['link_layer', 'note', 2, true],
  ]);
});
