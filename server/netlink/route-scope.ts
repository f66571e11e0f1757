/** RT_SCOPE_*, <linux/rtnetlink.h>: the distance at which a route or an address is valid. */
const scopes = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;
const names = new Map<number, RouteScope>(
  Object.entries(scopes).map(([name, value]) => [value, name as RouteScope]),
);

/** A scope by name; those without a name by number, as `ip` prints them. */
export type RouteScope = keyof typeof scopes | `${number}`;

export const routeScopeNumber = (scope: RouteScope): number =>
  scope in scopes ? scopes[scope as keyof typeof scopes] : Number(scope);
export const routeScopeName = (value: number): RouteScope => names.get(value) ?? `${value}`;
