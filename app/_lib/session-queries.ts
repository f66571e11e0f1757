'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type Role, roleIncludes } from '../../contract/roles.ts';
import type { BrowserSessionInfo, Session } from '../../contract/session.ts';
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

const sessionsKey = ['sessions'] as const;

/** Returns the sessions that this one may see: its own, for an admin all. Read each time that the list is opened. */
export const useBrowserSessions = () =>
  useQuery({
    queryKey: sessionsKey,
    queryFn: async ({ signal }) =>
      (await requestApi<{ items: BrowserSessionInfo[] }>('/sessions', { signal })).items,
    staleTime: 0,
  });

/** Returns the mutation that ends a session; after its own the browser shows how to sign in again. */
export function useEndSession() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, own }: BrowserSessionInfo) =>
      requestApi<null>(own ? '/session' : `/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' }),
    onSuccess: (_, { own }) =>
      own ? window.location.assign('/') : client.invalidateQueries({ queryKey: sessionsKey }),
  });
}

/**
 * Returns why a control that requires `role` is disabled, or null if it is enabled. While the session is loading every
 * control is enabled, because the agent checks each request anyway.
 */
export function useMissingRoleReason(role: Role): string | null {
  const { data: session } = useSession();
  if (session === undefined || roleIncludes(session.role, role)) return null;
  return `Requires role ${role}; this session has role ${session.role}.`;
}
