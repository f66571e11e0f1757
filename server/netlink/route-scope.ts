/** RT_SCOPE_*, <linux/rtnetlink.h>: how far a route or an address reaches. */
const scopes = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;
const names = new Map<number, Scope>(Object.entries(scopes).map(([name, value]) => [value, name as Scope]));

/** By name, or as `ip` writes the nameless ones: the number. */
export type Scope = keyof typeof scopes | `${number}`;

export const scopeNumber = (scope: Scope): number =>
  scope in scopes ? scopes[scope as keyof typeof scopes] : Number(scope);
export const scopeName = (value: number): Scope => names.get(value) ?? `${value}`;
