import { z } from 'zod';

/** Name of a pod, as Kubernetes has it. */
export const podNameSchema = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be lowercase letters, digits, - and . (RFC 1123)');

/** Namespace of a pod, as Kubernetes has it. */
export const podNamespaceSchema = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be lowercase letters, digits and - (RFC 1123 label)');
