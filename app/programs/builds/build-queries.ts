'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type {
  Build,
  BuildActivation,
  BuildSigner,
  DatapathBuildList,
  NewBuild,
} from '../../../contract/build.ts';
import { requestApi } from '../../_lib/api.ts';

const list = ['builds'] as const;

/** Returns all datapath builds on the node, and polls them every 250 ms during an activation. */
export const useBuilds = () =>
  useQuery({
    queryKey: list,
    queryFn: ({ signal }) => requestApi<DatapathBuildList>('/builds', { signal }),
    refetchInterval: ({ state }) => (state.data?.activation?.state === 'running' ? 250 : false),
    staleTime: 5000,
  });

/** Returns the keys that are trusted to sign datapath builds. */
export const useTrustedSigners = () =>
  useQuery({
    queryKey: [...list, 'signers'],
    queryFn: async ({ signal }) =>
      (await requestApi<{ items: BuildSigner[] }>('/builds/signers', { signal })).items,
  });

/** Returns a mutation after which the list of builds is loaded again, even if the mutation failed. */
function useBuildCall<Wanted, Answer>(ask: (wanted: Wanted) => Promise<Answer>) {
  const client = useQueryClient();
  return useMutation({ mutationFn: ask, onSettled: () => client.invalidateQueries({ queryKey: list }) });
}

export const useAddBuild = () =>
  useBuildCall((wanted: NewBuild) => requestApi<Build>('/builds', { body: wanted }));

export const useRemoveBuild = () =>
  useBuildCall((sha256: string) => requestApi<unknown>(`/builds/${sha256}`, { method: 'DELETE' }));

/**
 * Returns the mutation that activates a build and resolves when every hook runs it; null rolls back to the previous
 * build.
 */
export const useActivateBuild = () =>
  useBuildCall((sha256: string | null) =>
    requestApi<BuildActivation>(sha256 === null ? '/builds/rollback' : `/builds/${sha256}/activation`, {
      method: 'POST',
    }),
  );
