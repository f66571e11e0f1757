/** Scopes RT_SCOPE_* (<linux/rtnetlink.h>): the distance within which a route or address is valid. */
const scopes = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;
const names = new Map<number, RouteScope>(
  Object.entries(scopes).map(([name, value]) => [value, name as RouteScope]),
);

/** Scope of a route or address by name, or by number if it has no name, as `ip` prints it. */
export type RouteScope = keyof typeof scopes | `${number}`;

export const routeScopeNumber = (scope: RouteScope): number =>
  scope in scopes ? scopes[scope as keyof typeof scopes] : Number(scope);
export const routeScopeName = (value: number): RouteScope => names.get(value) ?? `${value}`;
