'use client';

import { useQuery } from '@tanstack/react-query';
import { type Role, roleIncludes } from '../../contract/roles.ts';
import type { Session } from '../../contract/session.ts';
import { requestApi } from './api.ts';

/**
 * User roles and their descriptions, the role with the fewest rights first. Each role includes the rights of the roles
 * before it.
 */
export const roleDescriptions: readonly { role: Role; description: string }[] = [
  { role: 'viewer', description: 'reads everything, changes nothing' },
  { role: 'operator', description: 'migrates pods, sets rules and the guard, traces packets' },
  { role: 'admin', description: 'loads programs, edits maps, creates debug dumps' },
];

/** Returns the session of this browser. */
export const useSession = () =>
  useQuery({
    queryKey: ['session'],
    queryFn: ({ signal }) => requestApi<Session>('/session', { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });

/**
 * Returns why a control that requires `role` is disabled, or null if it is enabled. While the session is loading every
 * control is enabled, because the agent checks each request anyway.
 */
export function useMissingRoleReason(role: Role): string | null {
  const { data: session } = useSession();
  if (session === undefined || roleIncludes(session.role, role)) return null;
  return `Requires role ${role}; this session has role ${session.role}.`;
}
