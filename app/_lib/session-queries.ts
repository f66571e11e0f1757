'use client';

import { useQuery } from '@tanstack/react-query';
import { mayAct, type Role } from '../../contract/roles.ts';
import type { Session } from '../../contract/session.ts';
import { callApi } from './api.ts';

/** What each role may do beyond the one before it, from the least. */
export const roleDescriptions: readonly { role: Role; may: string }[] = [
  { role: 'viewer', may: 'sees everything, changes nothing' },
  { role: 'operator', may: 'moves pods, sets rules and the guard, traces packets' },
  { role: 'admin', may: 'loads programs, edits maps, makes debug dumps' },
];

/** Who this browser is signed in as. */
export const useSession = () =>
  useQuery({
    queryKey: ['session'],
    queryFn: ({ signal }) => callApi<Session>('/session', { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });

/**
 * Why a control that needs `role` cannot be used; null when it can. While the session is not known, it can:
 * the agent decides, this only says it beforehand.
 */
export function useMissingRole(role: Role): string | null {
  const { data: session } = useSession();
  if (session === undefined || mayAct(session.role, role)) return null;
  return `Needs the role ${role}; this session is ${session.role}.`;
}
