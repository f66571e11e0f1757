import { isIpv6Text } from '../../../contract/cidr.ts';
import type { DeviceKind } from '../../../contract/device.ts';
import { splitGeneratedSuffix, stripPrefixLength } from '../../_lib/pod-queries.ts';
import { isObserved, type ListedPod } from './listed-pod.ts';

export const podSortKeys = [
  'kind',
  'pod',
  'namespace',
  'address',
  'pps-in',
  'pps-out',
  'bits-in',
  'bits-out',
  'drops',
  'ok',
  'failed',
] as const;
export type PodSortKey = (typeof podSortKeys)[number];

export const isPodSortKey = (key: string): key is PodSortKey => podSortKeys.some((each) => each === key);

/** Returns true for numeric columns, which sort from the highest value first; text columns sort from A. */
export const sortsPodColumnDescendingFirst = (key: PodSortKey): boolean =>
  !['kind', 'pod', 'namespace', 'address'].includes(key);

/** Filter and sort order of the pod list, stored in the page's URL. */
export interface PodListFilter {
  /** Which pods are listed; null lists Podlane's own, or those of others on a node that has no others. */
  show: 'own' | 'observed' | 'all' | null;
  text: string;
  kinds: readonly DeviceKind[];
  namespaces: readonly string[];
  attention: boolean;
  sort: PodSortKey;
  descending: boolean;
}

export const defaultPodListFilter: PodListFilter = {
  show: null,
  text: '',
  kinds: [],
  namespaces: [],
  attention: false,
  sort: 'pps-in',
  descending: true,
};

/** Which pods the list can show. */
export const podListViews = ['own', 'observed', 'all'] as const;

/** Parses the pod list's filter and sort order from a URL query; ignores invalid parameters. */
export function parsePodListFilter(query: URLSearchParams): PodListFilter {
  const values = (key: string) => (query.get(key) ?? '').split(',').filter((value) => value !== '');
  const sort = podSortKeys.find((key) => key === query.get('sort')) ?? defaultPodListFilter.sort;
  const order = query.get('order');
  return {
    show: podListViews.find((show) => show === query.get('show')) ?? null,
    text: query.get('q') ?? '',
    kinds: values('kind').filter((value): value is DeviceKind => value === 'netkit' || value === 'veth'),
    namespaces: values('ns'),
    attention: query.get('attention') === '1',
    sort,
    descending: order === 'asc' ? false : order === 'desc' ? true : sortsPodColumnDescendingFirst(sort),
  };
}

/** Converts the pod list's filter and sort order to a URL query without defaults: `q=cart&kind=veth&sort=pod`. */
export function buildPodListQuery(view: PodListFilter): string {
  const query = new URLSearchParams();
  if (view.show !== null) query.set('show', view.show);
  if (view.text !== '') query.set('q', view.text);
  if (view.kinds.length > 0) query.set('kind', view.kinds.join(','));
  if (view.namespaces.length > 0) query.set('ns', view.namespaces.join(','));
  if (view.attention) query.set('attention', '1');
  if (view.sort !== defaultPodListFilter.sort) query.set('sort', view.sort);
  if (view.descending !== sortsPodColumnDescendingFirst(view.sort))
    query.set('order', view.descending ? 'desc' : 'asc');
  return query.toString().replaceAll('%2C', ',');
}

export const isPodListFiltered = (view: PodListFilter): boolean =>
  view.text !== '' || view.kinds.length > 0 || view.namespaces.length > 0 || view.attention;

/**
 * Returns the pods that match the filter. Every word of its text must occur in a pod's name, namespace, address,
 * device name or label (`app=cart` or `cart`), or equal the ifindex or slot.
 */
export function filterPods<Pod extends ListedPod>(pods: readonly Pod[], view: PodListFilter): Pod[] {
  const terms = view.text.toLowerCase().split(/\s+/).filter(Boolean);
  return pods.filter(
    (pod) =>
      (view.kinds.length === 0 || view.kinds.some((kind) => kind === pod.kind)) &&
      (view.namespaces.length === 0 || view.namespaces.includes(pod.namespace)) &&
      (!view.attention || podNeedsAttention(pod)) &&
      terms.every((term) => matches(pod, term)),
  );
}

function matches(pod: ListedPod, word: string): boolean {
  if (listNumbers(pod).some((number) => word === String(number))) return true;
  const texts = [pod.name, pod.namespace, ...listDeviceTexts(pod), ...pod.addresses];
  if (texts.some((text) => text.toLowerCase().includes(word))) return true;
  if (pod.addresses.some((address) => stripPrefixLength(address) === canonical(word))) return true;
  return Object.entries(pod.labels).some(([key, value]) => `${key}=${value}`.toLowerCase().includes(word));
}

/** Returns the numbers by which a pod is found: its slot, the index of its primary or host end, the inode. */
const listNumbers = (pod: ListedPod): (number | undefined)[] =>
  isObserved(pod) ? [pod.observed.inode, pod.observed.hostEnd?.ifindex] : [pod.slot, pod.primary.ifindex];

/** Returns further texts by which a pod is found: its device, and what a runtime says of it. */
const listDeviceTexts = (pod: ListedPod): string[] => {
  if (!isObserved(pod)) return [pod.primary.name];
  const { id, hostEnd, runtime, image } = pod.observed;
  return [id, hostEnd?.name, hostEnd?.bridge, runtime?.name, image].filter(
    (text) => typeof text === 'string',
  );
};

/** Returns the canonical form of an IPv6 address, as pods' addresses are stored: `fd00::1` for `FD00:0::1`. */
function canonical(word: string): string {
  if (!isIpv6Text(word) || !URL.canParse(`http://[${word}]/`)) return word;
  return new URL(`http://[${word}]/`).hostname.slice(1, -1);
}

export const podNeedsAttention = (pod: ListedPod): boolean =>
  pod.attention.length > 0 || pod.state === 'gone';

export interface PodFacetCounts {
  kinds: Record<DeviceKind, number>;
  namespaces: [name: string, pods: number][];
  attention: number;
}

/**
 * Counts the node's pods for each filter button, regardless of the current filter; namespaces with more pods come
 * first.
 */
export function countPodFacets(pods: readonly ListedPod[]): PodFacetCounts {
  const kinds = { netkit: 0, veth: 0 };
  const namespaces = new Map<string, number>();
  for (const pod of pods) {
    if (pod.kind === 'netkit' || pod.kind === 'veth') kinds[pod.kind]++;
    if (pod.namespace !== '') namespaces.set(pod.namespace, (namespaces.get(pod.namespace) ?? 0) + 1);
  }
  return {
    kinds,
    namespaces: [...namespaces].sort(([a, m], [b, n]) => n - m || a.localeCompare(b)),
    attention: pods.filter(podNeedsAttention).length,
  };
}

/** Returns the namespace, or pod name without generated suffix, that is most similar to a text; null if none is. */
export function findClosestPodOrNamespaceName(pods: readonly ListedPod[], text: string): string | null {
  const typed = text.trim().toLowerCase();
  const names = new Set(pods.flatMap((pod) => [splitGeneratedSuffix(pod.name)[0], pod.namespace]));
  let best: string | null = null;
  let least = Math.max(1, Math.ceil(typed.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(typed, name.toLowerCase());
    if (distance < least && distance < name.length) [best, least] = [name, distance];
  }
  return best;
}

/** Returns the edit distance of two words: the number of single-letter edits and swaps of adjacent letters. */
function editDistance(a: string, b: string): number {
  const at = (values: readonly number[], index: number): number => values[index] ?? Number.POSITIVE_INFINITY;
  let before: number[] = [];
  let row: number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwapped ? at(before, j - 2) + 1 : Number.POSITIVE_INFINITY;
      next[j] = Math.min(at(row, j) + 1, at(next, j - 1) + 1, replaced, swapped);
    }
    before = row;
    row = next;
  }
  return at(row, b.length);
}

/** Returns a sort key for a pod's first address: IPv4 before IPv6, each in numeric order. */
export function computeAddressSortKey(pod: Pick<ListedPod, 'addresses'>): string {
  const address = stripPrefixLength(pod.addresses[0]);
  if (!isIpv6Text(address))
    return `4${address
      .split('.')
      .map((part) => part.padStart(3, '0'))
      .join('')}`;
  const [before = '', after] = address.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const [first, last] = [groups(before), groups(after ?? '')];
  const zeros = Array<string>(8 - first.length - last.length).fill('');
  return `6${[...first, ...zeros, ...last].map((group) => group.padStart(4, '0')).join('')}`;
}
