import { expect, test } from 'vitest';
import {
  buildPreflightQuery,
  emptyPreflightFilter,
  filterPreflightPods,
  formatPreflightCommand,
  isPreflightFiltered,
  listFindingsOfReason,
  parseLabels,
  parsePreflightView,
} from '../../../app/preflight/preflight-filter.ts';
import { verdictLabels } from '../../../app/preflight/text.ts';
import type { PreflightPod } from '../../../contract/preflight.ts';
import { preflightVerdicts } from '../../../contract/preflight-reasons.ts';
import { createFinding } from '../../../server/preflight/findings.ts';

const view = (query: string) => parsePreflightView(new URLSearchParams(query));
const pod = (
  name: string,
  verdict: PreflightPod['verdict'],
  findings: PreflightPod['findings'] = [],
): PreflightPod => ({
  pod: {
    id: name,
    namespace: 'shop',
    name,
    kind: verdict === 'on_netkit' ? 'netkit' : 'veth',
    origin: 'podlane',
  },
  verdict,
  lookedAt: '2026-11-29T12:00:00.000Z',
  findings,
});
const pods = [
  pod('cart', 'refused', [
    createFinding('child_interface', 'refused', 'macvlan mv0 in /run/netns/cart: gone'),
  ]),
  pod('web', 'ready_with_losses', [createFinding('xdp_program', 'loss', 'xdp_pass on pl3')]),
  pod('db', 'ready'),
  pod('api', 'on_netkit'),
];
const names = (query: string) => filterPreflightPods(pods, view(query)).map((each) => each.pod.name);

test('the page’s state survives the URL', () => {
  for (const query of [
    '',
    'pods=shop.cart,shop.web',
    'selector=app=web,tier=front',
    'q=macvlan&verdict=refused,ready&reason=xdp_program&pod=shop.cart&sort=pod&order=desc',
  ])
    expect(buildPreflightQuery(view(query))).toBe(query);
});

test('unknown values of the URL are ignored', () => {
  expect(view('verdict=perfect&reason=toString&selector=broken&sort=mood')).toEqual(view(''));
  expect(view(`pods=${Array.from({ length: 300 }, (_, i) => `shop.p${i}`).join(',')}`).pods.length).toBe(100);
});

test('pods are filtered by verdict, reason and words of what was found', () => {
  expect(names('')).toEqual(['cart', 'web', 'db', 'api']);
  expect(names('verdict=ready,refused')).toEqual(['cart', 'db']);
  expect(names('reason=xdp_program')).toEqual(['web']);
  expect(names('q=macvlan')).toEqual(['cart']);
  expect(names('q=shop.d')).toEqual(['db']);
  expect(names('q=xdp pl3')).toEqual(['web']);
  expect(names('q=netkit')).toEqual(['web', 'api']); // the title of the reason, and the kind
  expect(names('q=losses')).toEqual(['web']);
  expect(names('q=nothing')).toEqual([]);
  expect([isPreflightFiltered(view('pods=a.b')), isPreflightFiltered(view('q=x'))]).toEqual([false, true]);
  expect(isPreflightFiltered({ ...view('q=x&verdict=ready&reason=socket'), ...emptyPreflightFilter })).toBe(
    false,
  );
});

test('findings of a reason name their pods, the node’s come first', () => {
  const ofNode = [createFinding('xdp_program', 'note', 'of the node')];
  expect(listFindingsOfReason('xdp_program', ofNode, pods).map((each) => [each.pod, each.detail])).toEqual([
    [null, 'of the node'],
    ['shop.web', 'xdp_pass on pl3'],
  ]);
});

test('the command does what the page does', () => {
  expect(formatPreflightCommand(view(''))).toBe('podlane preflight');
  expect(formatPreflightCommand(view('pods=shop.cart,shop.web'))).toBe(
    'podlane preflight shop.cart shop.web',
  );
  expect(formatPreflightCommand(view('selector=app=web'))).toBe("podlane preflight --selector 'app=web'");
});

test('labels are read as the command reads them', () => {
  expect(parseLabels('app=web,tier=a=b')).toEqual({ app: 'web', tier: 'a=b' });
});

test('every verdict has a label', () => {
  expect(Object.keys(verdictLabels).sort()).toEqual([...preflightVerdicts].sort());
});
