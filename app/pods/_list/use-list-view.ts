'use client';

import { useUrlState } from '../../_lib/use-url-state.ts';
import { parsePodListView, podListQuery } from './list-view.ts';

/** View of the list, stored in the URL. */
export const usePodListView = () => useUrlState(parsePodListView, podListQuery);
