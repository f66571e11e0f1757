/** Roles of a session in ascending order of rights; each role includes the rights of the roles before it. */
export const sessionRoles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof sessionRoles)[number];

/** Returns true if the role `has` includes the rights of the role `needed`. */
export const roleIncludes = (has: Role, needed: Role): boolean =>
  sessionRoles.indexOf(has) >= sessionRoles.indexOf(needed);
