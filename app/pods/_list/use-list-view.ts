'use client';

import { useAddressView } from '../../_lib/use-url-state.ts';
import { parseView, viewQuery } from './list-view.ts';

/** The view of this page, kept in the address. */
export const useView = () => useAddressView(parseView, viewQuery);
