/** Roles of a session, the one with the fewest rights first: each may do what those before it may do. */
export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Returns true if a session of role `has` may do what requires role `needed`. */
export const roleIncludes = (has: Role, needed: Role): boolean => roles.indexOf(has) >= roles.indexOf(needed);
