'use client';

import { type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type {
  ActiveRules,
  ExplainRequest,
  Explanation,
  ImportedRules,
  RuleSetName,
  RuleStatistics,
  RulesPlan,
  RuleVersion,
  RuleVersionText,
  RuleView,
  StagedRules,
} from '../../contract/rules.ts';
import { ApiError, callApi, fetchApi } from './api.ts';
import { liveConnection } from './live-connection.ts';
import { useTopic } from './pod-queries.ts';

const root = ['rules'] as const;
const everyMs = 2000;
const yaml = (content: string) => ({ type: 'application/yaml', content });
const named = (path: string, query: Record<string, string | undefined>): string => {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
};

/** The rules in force. Read again when an event says that somebody changed them. */
export function useActiveRules() {
  useTopic('events');
  return useQuery({
    queryKey: [...root, 'active'],
    queryFn: ({ signal }) => callApi<ActiveRules>('/rules', { signal }),
  });
}

/** What is tried out beside them; null when nothing is. */
export function useStagedRules() {
  useTopic('events');
  return useQuery({
    queryKey: [...root, 'staged'],
    queryFn: async ({ signal }) =>
      (await callApi<{ staged: StagedRules | null }>('/rules/staged', { signal })).staged,
  });
}

/** Sets that were in force, the newest first. */
export function useRuleVersions() {
  useTopic('events');
  return useQuery({
    queryKey: [...root, 'versions'],
    queryFn: async ({ signal }) =>
      (await callApi<{ items: RuleVersion[] }>('/rules/versions', { signal })).items,
  });
}

export const useRuleVersion = (number: number | null) =>
  useQuery({
    queryKey: [...root, 'version', number],
    queryFn: ({ signal }) => callApi<RuleVersionText>(`/rules/versions/${number}`, { signal }),
    enabled: number !== null,
    staleTime: Number.POSITIVE_INFINITY,
  });

/** Counts of each rule now and at an earlier reading, for rates. */
export interface StatisticsReading {
  at: number;
  statistics: RuleStatistics;
}

const keptReadings = 16;

/** What each rule decided, read every two seconds while somebody looks; the readings since the rules were loaded. */
export const useRuleStatistics = (enabled: boolean, set: RuleSetName = 'active') =>
  useQuery({
    queryKey: [...root, 'statistics', set],
    queryFn: async ({ signal, client, queryKey }) => {
      const statistics = await callApi<RuleStatistics>(named('/rules/statistics', { set }), { signal });
      const before = client.getQueryData<StatisticsReading[]>(queryKey) ?? [];
      return [
        ...before.filter((reading) => reading.statistics.generation === statistics.generation),
        { at: Date.now(), statistics },
      ].slice(-keptReadings);
    },
    refetchInterval: everyMs,
    staleTime: everyMs,
    enabled,
  });

/** One rule with its pods and entries, and what they decided, every two seconds. */
export const useRuleView = (name: string | null, set: RuleSetName = 'active') =>
  useQuery({
    queryKey: [...root, 'view', set, name],
    queryFn: ({ signal }) =>
      callApi<RuleView>(named(`/rules/${encodeURIComponent(name ?? '')}`, { set }), { signal }),
    refetchInterval: everyMs,
    enabled: name !== null,
  });

/** What a text would change if it were applied, and the entries of one of its rules; nothing is written. */
export const useRulesPlan = (text: string | null, rule: string | null) =>
  useQuery({
    queryKey: [...root, 'plan', text, rule],
    queryFn: ({ signal }) =>
      callApi<RulesPlan>(named('/rules', { dryRun: 'true', rule: rule ?? undefined }), {
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

/** The answer to a question; asked when there is one. */
export const useExplanation = (question: ExplainRequest | null) =>
  useQuery({
    queryKey: [...root, 'explanation', question],
    queryFn: ({ signal }) => callApi<Explanation>('/rules/explain', { body: question, signal }),
    enabled: question !== null,
    staleTime: 0,
    retry: false,
  });

/** A change of the rules. What it answers is not kept: everything of the rules is read again. */
function useChange<Input, Answer>(change: (input: Input) => Promise<Answer>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSettled: () => client.invalidateQueries({ queryKey: root }),
  });
}

/** What a write of rules goes by: refused with 412 or 409 when somebody else wrote since `etag`. */
interface Write {
  text: string;
  etag: string | null;
  comment?: string;
}

const matching = (etag: string | null): Record<string, string> =>
  etag === null ? {} : { 'if-match': `"${etag.replaceAll('"', '')}"` };
const told = (comment: string | undefined): string | undefined => comment?.trim() || undefined;

export const useApplyRules = () =>
  useChange(({ text, etag, comment }: Write) =>
    callApi<ActiveRules>(named('/rules', { comment: told(comment) }), {
      method: 'PUT',
      text: yaml(text),
      headers: matching(etag),
    }),
  );

/** Takes the rules away: everything passes. */
export const useRemoveRules = () =>
  useChange(({ etag, comment }: Omit<Write, 'text'>) =>
    callApi<ActiveRules>(named('/rules', { comment: told(comment) }), {
      method: 'DELETE',
      headers: matching(etag),
    }),
  );

export const useStageRules = () =>
  useChange(({ text, etag }: Write) =>
    callApi<{ staged: StagedRules }>('/rules/staged', {
      method: 'PUT',
      text: yaml(text),
      headers: matching(etag),
    }),
  );

export const useDiscardStagedRules = () =>
  useChange((etag: string) => fetchApi('/rules/staged', { method: 'DELETE', headers: matching(etag) }));

export const useApplyStagedRules = () =>
  useChange(({ etag, comment }: { etag: string; comment: string }) =>
    callApi<ActiveRules>(named('/rules/staged/apply', { comment: told(comment) }), {
      method: 'POST',
      headers: matching(etag),
    }),
  );

export const useApplyVersion = () =>
  useChange(({ number, etag, comment }: { number: number; etag: string | null; comment: string }) =>
    callApi<ActiveRules>(named(`/rules/versions/${number}/apply`, { comment: told(comment) }), {
      method: 'POST',
      headers: matching(etag),
    }),
  );

/** Rules out of a text of ours or of Kubernetes NetworkPolicies; nothing is applied. */
export const useImportRules = () =>
  useMutation({
    mutationFn: (text: string) => callApi<ImportedRules>('/rules/import', { text: yaml(text) }),
  });

/** Whether a write was refused because somebody else wrote first. */
export const isWriteConflict = (error: Error | null): boolean =>
  error instanceof ApiError && (error.status === 409 || error.status === 412);

/** Reads the rules again when the stream says that they were changed; once for the tab. */
export function startRuleUpdates(client: QueryClient): () => void {
  return liveConnection().onMessage((message) => {
    if (message.type === 'event' && message.event.type.startsWith('rules.'))
      void client.invalidateQueries({ queryKey: root });
  });
}
