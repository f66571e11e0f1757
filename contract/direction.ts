import { z } from 'zod';

/** Directions of packets as seen from the pod, in the order of enum podlane_direction (`bpf/rule-layout.h`). */
export const directions = ['ingress', 'egress'] as const;
export type Direction = (typeof directions)[number];
export const directionSchema = z
  .enum(directions)
  .describe('seen from the pod: ingress enters it, egress leaves it');
