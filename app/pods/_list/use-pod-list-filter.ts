'use client';

import { useUrlQueryState } from '../../_lib/use-url-state.ts';
import { buildPodListQuery, parsePodListFilter } from './pod-list-filter.ts';

/** Returns the pod list's filter and sort order, which the URL stores, and the function that changes them. */
export const usePodListFilter = () => useUrlQueryState(parsePodListFilter, buildPodListQuery);
