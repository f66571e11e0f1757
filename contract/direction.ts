import { z } from 'zod';

/** Directions of packets as seen from the pod, in the order of enum podlane_direction (`bpf/rule-layout.h`). */
export const packetDirections = ['ingress', 'egress'] as const;
export type Direction = (typeof packetDirections)[number];
export const directionSchema = z
  .enum(packetDirections)
  .describe('seen from the pod: ingress enters it, egress leaves it');
