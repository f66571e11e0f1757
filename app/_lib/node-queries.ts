'use client';

import { useQuery } from '@tanstack/react-query';
import type { Node } from '../../contract/node.ts';
import { callApi } from './api.ts';

/** The node's name, kernel, capabilities and versions. */
export const useNode = () =>
  useQuery({ queryKey: ['node'], queryFn: ({ signal }) => callApi<Node>('/node', { signal }) });
