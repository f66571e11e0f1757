import { describe, expect, test } from 'vitest';
import { chooseShownPods, toListedPod } from '../../../app/pods/_list/listed-pod.ts';
import {
  buildPodListQuery,
  computeAddressSortKey,
  countPodFacets,
  defaultPodListFilter,
  filterPods,
  findClosestPodOrNamespaceName,
  parsePodListFilter,
} from '../../../app/pods/_list/pod-list-filter.ts';
import type { PodSummary } from '../../../contract/pod.ts';

const pod = (namespace: string, name: string, more: Partial<PodSummary> = {}): PodSummary => ({
  id: `${namespace}/${name}`,
  number: 1,
  adoption: null,
  namespace,
  name,
  labels: {},
  addresses: ['10.42.0.9/32'],
  kind: 'netkit',
  hooks: 'netkit',
  slot: 0,
  primary: { name: 'pl0', ifindex: 1048576 },
  state: 'running',
  createdAt: '2026-11-22T00:00:00Z',
  kindSince: '2026-11-22T00:00:00Z',
  migration: null,
  attention: [],
  ...more,
});
const cart = pod('shop', 'cart-7c9d8b6f4-x2kqp', {
  labels: { app: 'cart', tier: 'front' },
  addresses: ['10.42.0.33/32', 'fd00:42::33/128'],
  slot: 32,
  primary: { name: 'pl32', ifindex: 1048640 },
});
const worker = pod('batch', 'worker-0', { kind: 'veth', attention: ['MTU 1450, node has 1500'] });
const web = pod('shop', 'web');
const pods = [cart, worker, web];
const found = (text: string) => filterPods(pods, { ...defaultPodListFilter, text });

describe('the text', () => {
  test.each([
    ['CART'],
    ['10.42.0.33'],
    ['1048640'],
    ['32 shop'],
    ['pl32'],
    ['tier=front'],
    ['front'],
    ['fd00:42::33'],
    ['FD00:42:0::33'],
  ])('%s finds cart', (text) => {
    expect(found(text)).toContain(cart);
  });

  test('finds only pods that contain all words', () => {
    expect(found('shop web')).toEqual([web]);
    expect(found('shop worker')).toEqual([]);
    expect(found('  ')).toEqual(pods);
  });

  test('matches a whole ifindex only', () => {
    expect(found('104864')).toEqual([]);
  });
});

test('facets of one group are combined by OR, groups by AND', () => {
  const show = (change: Partial<typeof defaultPodListFilter>) =>
    filterPods(pods, { ...defaultPodListFilter, ...change });
  expect(show({ namespaces: ['shop', 'batch'] })).toEqual(pods);
  expect(show({ namespaces: ['shop'], kinds: ['veth'] })).toEqual([]);
  expect(show({ kinds: ['veth'] })).toEqual([worker]);
  expect(show({ attention: true })).toEqual([worker]);
});

test('facets count the whole node, namespaces from the largest', () => {
  expect(countPodFacets(pods)).toEqual({
    kinds: { netkit: 2, veth: 1 },
    namespaces: [
      ['shop', 2],
      ['batch', 1],
    ],
    attention: 1,
  });
});

describe('pods of others', () => {
  const listed = toListedPod({
    id: 'ns-4026532201',
    number: 2 ** 31,
    inode: 4026532201,
    namespace: null,
    name: 'web',
    identifiedBy: 'docker',
    runtime: { name: 'docker', socket: '/run/docker.sock', connected: true },
    hostNetwork: false,
    kind: 'veth',
    interfaceCount: 1,
    addresses: ['172.17.0.2/16'],
    hostEnd: { name: 'veth12ab', ifindex: 77, bridge: 'docker0' },
    labels: { app: 'web' },
    image: 'nginx:1.27',
    processes: 2,
    countedBy: 'programs',
    since: '2026-11-22T00:00:00Z',
  });

  test.each([
    'web',
    '172.17.0.2',
    'docker0',
    'veth12ab',
    '77',
    '4026532201',
    'nginx',
    'ns-4026532201',
    'app=web',
  ])('are found by %s', (text) => {
    expect(filterPods([...pods, listed], { ...defaultPodListFilter, text })).toContain(listed);
  });

  test('count by kind, and not by a namespace that they do not have', () => {
    const facets = countPodFacets([worker, listed]);
    expect(facets.kinds).toEqual({ netkit: 0, veth: 2 });
    expect(facets.namespaces).toEqual([['batch', 1]]);
  });

  test('are shown by themselves only where there are no others, unless the URL says', () => {
    expect(chooseShownPods(null, 0, 3)).toBe('observed');
    expect(chooseShownPods(null, 2, 3)).toBe('own');
    expect(chooseShownPods(null, 0, 0)).toBe('own');
    expect(chooseShownPods('all', 0, 3)).toBe('all');
    expect(parsePodListFilter(new URLSearchParams('show=observed')).show).toBe('observed');
    expect(parsePodListFilter(new URLSearchParams('show=mine')).show).toBeNull();
  });
});

describe('the URL', () => {
  test('of the default view is empty', () => {
    expect(buildPodListQuery(defaultPodListFilter)).toBe('');
    expect(parsePodListFilter(new URLSearchParams())).toEqual(defaultPodListFilter);
  });

  test('is parsed to the view it was made of', () => {
    const view = {
      show: 'all',
      text: 'a b',
      kinds: ['veth'],
      namespaces: ['shop', 'batch'],
      attention: true,
      sort: 'pod',
      descending: true,
    } as const;
    expect(buildPodListQuery(view)).toBe(
      'show=all&q=a+b&kind=veth&ns=shop,batch&attention=1&sort=pod&order=desc',
    );
    expect(parsePodListFilter(new URLSearchParams(buildPodListQuery(view)))).toEqual(view);
  });

  test('with invalid parameters is parsed without them', () => {
    expect(parsePodListFilter(new URLSearchParams('kind=ipvlan&sort=color&order=up&ns='))).toEqual(
      defaultPodListFilter,
    );
  });
});

test('a mistyped name finds the closest one', () => {
  expect(findClosestPodOrNamespaceName(pods, 'crat')).toBe('cart');
  expect(findClosestPodOrNamespaceName(pods, 'shpo')).toBe('shop');
  expect(findClosestPodOrNamespaceName(pods, 'kubernetes')).toBeNull();
});

test('addresses sort by number, IPv4 before IPv6', () => {
  const at = (address: string) => pod('shop', address, { addresses: [address] });
  const sorted = [
    '10.42.0.9/32',
    '10.42.0.33/32',
    '192.168.0.1/32',
    'fd00::9/128',
    'fd00::1:1/128',
    'fd00:1::/128',
  ];
  const pods = sorted.toReversed().map(at);
  pods.sort((a, b) => (computeAddressSortKey(a) < computeAddressSortKey(b) ? -1 : 1));
  expect(pods.map(({ name }) => name)).toEqual(sorted);
});
