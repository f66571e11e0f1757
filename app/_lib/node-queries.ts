'use client';

import { useQuery } from '@tanstack/react-query';
import type { NodeInfo } from '../../contract/node.ts';
import { requestApi } from './api.ts';

/** Returns the node's name, kernel, capabilities and versions. */
export const useNodeInfo = () =>
  useQuery({ queryKey: ['node'], queryFn: ({ signal }) => requestApi<NodeInfo>('/node', { signal }) });
