'use client';

import { useUrlState } from '../../_lib/use-url-state.ts';
import { parsePodListView, podListQuery } from './list-view.ts';

/** The view of this page, kept in the address. */
export const usePodListView = () => useUrlState(parsePodListView, podListQuery);
