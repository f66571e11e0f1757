'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { Activation, Build, Builds, NewBuild, Signer } from '../../../contract/build.ts';
import { callApi } from '../../_lib/api.ts';

const list = ['builds'] as const;

/** The datapaths this node may run; read quickly while one is being put in the place of another. */
export const useBuilds = () =>
  useQuery({
    queryKey: list,
    queryFn: ({ signal }) => callApi<Builds>('/builds', { signal }),
    refetchInterval: ({ state }) => (state.data?.activation?.state === 'running' ? 250 : false),
    staleTime: 5000,
  });

/** The keys whose builds are taken. */
export const useSigners = () =>
  useQuery({
    queryKey: [...list, 'signers'],
    queryFn: async ({ signal }) => (await callApi<{ items: Signer[] }>('/builds/signers', { signal })).items,
  });

/** A call about builds, after which the list is read again, also when it was refused. */
function useBuildCall<Wanted, Answer>(ask: (wanted: Wanted) => Promise<Answer>) {
  const client = useQueryClient();
  return useMutation({ mutationFn: ask, onSettled: () => client.invalidateQueries({ queryKey: list }) });
}

export const useAddBuild = () =>
  useBuildCall((wanted: NewBuild) => callApi<Build>('/builds', { body: wanted }));

export const useRemoveBuild = () =>
  useBuildCall((sha256: string) => callApi<unknown>(`/builds/${sha256}`, { method: 'DELETE' }));

/** Puts a build in the place of the one that runs; resolves when it is done. `null`: the one before. */
export const useActivateBuild = () =>
  useBuildCall((sha256: string | null) =>
    callApi<Activation>(sha256 === null ? '/builds/rollback' : `/builds/${sha256}/activation`, {
      method: 'POST',
    }),
  );
