/** Filter of the rule list, stored in the URL. */
export interface RuleListFilter {
  text: string;
  directions: readonly string[];
  actions: readonly string[];
}

export const emptyRuleListFilter: RuleListFilter = { text: '', directions: [], actions: [] };

export function parseRuleListFilter(query: URLSearchParams): RuleListFilter {
  const words = (key: string) => (query.get(key) ?? '').split(',').filter((word) => word !== '');
  return { text: query.get('q') ?? '', directions: words('direction'), actions: words('action') };
}

/** Converts the rule list's filter to a URL query without defaults. */
export function buildRuleListQuery(view: RuleListFilter): string {
  const query = new URLSearchParams();
  if (view.text !== '') query.set('q', view.text);
  if (view.directions.length > 0) query.set('direction', view.directions.join(','));
  if (view.actions.length > 0) query.set('action', view.actions.join(','));
  return query.toString().replaceAll('%2C', ',');
}

export const isRuleListFiltered = (view: RuleListFilter): boolean => buildRuleListQuery(view) !== '';
