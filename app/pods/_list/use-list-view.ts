'use client';

import { useUrlQueryState } from '../../_lib/use-url-state.ts';
import { buildPodListQuery, parsePodListView } from './pod-list-view.ts';

/** View of the list, stored in the URL. */
export const usePodListView = () => useUrlQueryState(parsePodListView, buildPodListQuery);
