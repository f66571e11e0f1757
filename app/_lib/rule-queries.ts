'use client';

import { type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type {
  ActiveRules,
  ExplainRequest,
  ImportedRules,
  RuleExplanation,
  RuleSetName,
  RuleStatistics,
  RulesPlan,
  RuleVersion,
  RuleVersionText,
  RuleView,
  StagedRules,
} from '../../contract/rules.ts';
import { ApiError, fetchApiResponse, requestApi } from './api.ts';
import { getLiveConnection } from './live-connection.ts';
import { useLiveTopic } from './pod-queries.ts';

const root = ['rules'] as const;
const everyMs = 2000;
/** Time in ms between two readings while connections are learned. */
const learningMs = 500;
const yaml = (content: string) => ({ type: 'application/yaml', content });
const named = (path: string, query: Record<string, string | undefined>): string => {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
};

/** Returns the active rules, and reads them again when an event reports a change. */
export function useActiveRules() {
  useLiveTopic('events');
  return useQuery({
    queryKey: [...root, 'active'],
    queryFn: ({ signal }) => requestApi<ActiveRules>('/rules', { signal }),
    refetchInterval: ({ state }) => (state.data?.learning ? learningMs : false),
  });
}

/** Returns the staged rules; null if there are none. */
export function useStagedRules() {
  useLiveTopic('events');
  return useQuery({
    queryKey: [...root, 'staged'],
    queryFn: async ({ signal }) =>
      (await requestApi<{ staged: StagedRules | null }>('/rules/staged', { signal })).staged,
  });
}

/** Returns the latest versions of the rules that have been active, newest first. */
export function useRuleVersions() {
  useLiveTopic('events');
  return useQuery({
    queryKey: [...root, 'versions'],
    queryFn: async ({ signal }) =>
      (await requestApi<{ items: RuleVersion[] }>('/rules/versions', { signal })).items,
  });
}

export const useRuleVersion = (number: number | null) =>
  useQuery({
    queryKey: [...root, 'version', number],
    queryFn: ({ signal }) => requestApi<RuleVersionText>(`/rules/versions/${number}`, { signal }),
    enabled: number !== null,
    staleTime: Number.POSITIVE_INFINITY,
  });

/** Packet counts of all rules at a time given in ms since the epoch. */
export interface RuleStatisticsReading {
  at: number;
  statistics: RuleStatistics;
}

const keptReadings = 16;

/** Returns the packet counts of the loaded rules, read every two seconds: the last 16 readings. */
export const useRuleStatistics = (enabled: boolean, set: RuleSetName = 'active') =>
  useQuery({
    queryKey: [...root, 'statistics', set],
    queryFn: async ({ signal, client, queryKey }) => {
      const statistics = await requestApi<RuleStatistics>(named('/rules/statistics', { set }), { signal });
      const before = client.getQueryData<RuleStatisticsReading[]>(queryKey) ?? [];
      return [
        ...before.filter((reading) => reading.statistics.generation === statistics.generation),
        { at: Date.now(), statistics },
      ].slice(-keptReadings);
    },
    refetchInterval: everyMs,
    staleTime: everyMs,
    enabled,
  });

/** Returns a rule with its pods, entries and counts, read every two seconds. */
export const useRuleDetails = (name: string | null, set: RuleSetName = 'active') =>
  useQuery({
    queryKey: [...root, 'view', set, name],
    queryFn: ({ signal }) =>
      requestApi<RuleView>(named(`/rules/${encodeURIComponent(name ?? '')}`, { set }), { signal }),
    refetchInterval: everyMs,
    enabled: name !== null,
  });

/** Returns the changes that applying a rule text would make (dry run), and the entries of one of its rules. */
export const useRulesDryRun = (text: string | null, rule: string | null) =>
  useQuery({
    queryKey: [...root, 'plan', text, rule],
    queryFn: ({ signal }) =>
      requestApi<RulesPlan>(named('/rules', { dryRun: 'true', rule: rule ?? undefined }), {
        method: 'PUT',
        text: yaml(text ?? ''),
        signal,
      }),
    enabled: text !== null && text.trim() !== '',
    placeholderData: (known) => known,
    gcTime: 0,
    staleTime: 0,
    retry: false,
  });

/** Returns the result of a policy lookup; idle while the request is null. */
export const usePolicyLookup = (question: ExplainRequest | null) =>
  useQuery({
    queryKey: [...root, 'explanation', question],
    queryFn: ({ signal }) => requestApi<RuleExplanation>('/rules/explain', { body: question, signal }),
    enabled: question !== null,
    staleTime: 0,
    retry: false,
  });

/** Returns a mutation that changes the rules and then invalidates everything cached about rules. */
function useChange<Input, Answer>(change: (input: Input) => Promise<Answer>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSettled: () => client.invalidateQueries({ queryKey: root }),
  });
}

/** A write of rules. The agent refuses it with status 412 or 409 if the rules have changed since `etag`. */
interface Write {
  text: string;
  etag: string | null;
  comment?: string;
}

const matching = (etag: string | null): Record<string, string> =>
  etag === null ? {} : { 'if-match': `"${etag.replaceAll('"', '')}"` };
const trimmed = (comment: string | undefined): string | undefined => comment?.trim() || undefined;

export const useApplyRules = () =>
  useChange(({ text, etag, comment }: Write) =>
    requestApi<ActiveRules>(named('/rules', { comment: trimmed(comment) }), {
      method: 'PUT',
      text: yaml(text),
      headers: matching(etag),
    }),
  );

/** Returns the mutation that removes all rules; all traffic is allowed afterwards. */
export const useRemoveRules = () =>
  useChange(({ etag, comment }: Omit<Write, 'text'>) =>
    requestApi<ActiveRules>(named('/rules', { comment: trimmed(comment) }), {
      method: 'DELETE',
      headers: matching(etag),
    }),
  );

export const useStageRules = () =>
  useChange(({ text, etag }: Write) =>
    requestApi<{ staged: StagedRules }>('/rules/staged', {
      method: 'PUT',
      text: yaml(text),
      headers: matching(etag),
    }),
  );

export const useDiscardStagedRules = () =>
  useChange((etag: string) =>
    fetchApiResponse('/rules/staged', { method: 'DELETE', headers: matching(etag) }),
  );

export const useApplyStagedRules = () =>
  useChange(({ etag, comment }: { etag: string; comment: string }) =>
    requestApi<ActiveRules>(named('/rules/staged/apply', { comment: trimmed(comment) }), {
      method: 'POST',
      headers: matching(etag),
    }),
  );

export const useApplyRuleVersion = () =>
  useChange(({ number, etag, comment }: { number: number; etag: string | null; comment: string }) =>
    requestApi<ActiveRules>(named(`/rules/versions/${number}/apply`, { comment: trimmed(comment) }), {
      method: 'POST',
      headers: matching(etag),
    }),
  );

/**
 * Returns rules or Kubernetes NetworkPolicies as applying their text would have them, and what that would change;
 * applies nothing.
 */
export const useImportedRules = (text: string | null, merge: boolean) =>
  useQuery({
    queryKey: [...root, 'import', text, merge],
    queryFn: ({ signal }) =>
      requestApi<ImportedRules>(named('/rules/import', { merge: merge ? 'true' : undefined }), {
        text: yaml(text ?? ''),
        signal,
      }),
    enabled: text !== null,
    gcTime: 0,
    staleTime: 0,
    retry: false,
  });

/** Returns true if a write was refused because the rules had changed in the meantime. */
export const isRuleWriteConflict = (error: Error | null): boolean =>
  error instanceof ApiError && (error.status === 409 || error.status === 412);

/**
 * Reads cached rules again after each reported change; called once per tab.
 * @returns a function that stops the updates
 */
export function startRuleCacheSync(client: QueryClient): () => void {
  return getLiveConnection().onMessage((message) => {
    if (message.type === 'event' && message.event.type.startsWith('rules.'))
      void client.invalidateQueries({ queryKey: root });
  });
}
