import type { TableSorting } from '../../_components/table/table-column.ts';

/** Text, owner and sort order of a list of maps or links, stored in the URL. */
export interface BpfObjectListFilter<Key extends string> extends TableSorting<Key> {
  text: string;
  owner: 'podlane' | 'foreign' | null;
}

/**
 * Creates the functions that parse a list's filter from a URL query and convert it back; `plain` is the default sort
 * order.
 */
export function createBpfObjectListFilterParser<Key extends string>(keys: readonly Key[], plain: Key) {
  return {
    plain: { text: '', owner: null, sort: plain, descending: false } satisfies BpfObjectListFilter<Key>,
    parse(query: URLSearchParams): BpfObjectListFilter<Key> {
      const owner = query.get('owner');
      return {
        text: query.get('q') ?? '',
        owner: owner === 'podlane' || owner === 'foreign' ? owner : null,
        sort: keys.find((key) => key === query.get('sort')) ?? plain,
        descending: query.get('order') === 'desc',
      };
    },
    query(view: BpfObjectListFilter<Key>): string {
      const query = new URLSearchParams();
      if (view.text !== '') query.set('q', view.text);
      if (view.owner !== null) query.set('owner', view.owner);
      if (view.sort !== plain) query.set('sort', view.sort);
      if (view.descending) query.set('order', 'desc');
      return query.toString();
    },
  };
}

/** Returns true if every word of `text` occurs in one of the texts. */
export const matchesAllWords = (text: string, texts: readonly string[]): boolean =>
  text
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .every((word) => texts.some((each) => each.toLowerCase().includes(word)));
