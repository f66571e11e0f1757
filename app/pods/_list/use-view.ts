'use client';

import { useAddressView } from '../../_lib/use-address-view.ts';
import { parseView, viewQuery } from './view.ts';

/** The view of this page, kept in the address. */
export const useView = () => useAddressView(parseView, viewQuery);
