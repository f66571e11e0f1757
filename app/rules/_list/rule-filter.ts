/** Filter of the list as kept in the URL. */
export interface RuleFilter {
  text: string;
  directions: readonly string[];
  actions: readonly string[];
}

export const emptyRuleFilter: RuleFilter = { text: '', directions: [], actions: [] };

export function parseRuleFilter(query: URLSearchParams): RuleFilter {
  const words = (key: string) => (query.get(key) ?? '').split(',').filter((word) => word !== '');
  return { text: query.get('q') ?? '', directions: words('direction'), actions: words('action') };
}

/** Returns the query string without default values. */
export function ruleFilterQuery(view: RuleFilter): string {
  const query = new URLSearchParams();
  if (view.text !== '') query.set('q', view.text);
  if (view.directions.length > 0) query.set('direction', view.directions.join(','));
  if (view.actions.length > 0) query.set('action', view.actions.join(','));
  return query.toString().replaceAll('%2C', ',');
}

export const hasRuleFilter = (view: RuleFilter): boolean => ruleFilterQuery(view) !== '';
