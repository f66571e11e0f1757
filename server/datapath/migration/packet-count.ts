import { field } from '../../bpf/counter-fields.ts';

/** Packets of one direction in a reading of a slot's counters. */
export const packetsOf = (reading: readonly bigint[], direction: 'egress' | 'ingress'): bigint =>
  reading[direction === 'egress' ? field.egressPackets : field.ingressPackets] ?? 0n;

/** Packets of both directions in a reading of a slot's counters. */
export const countedPackets = (reading: readonly bigint[]): bigint =>
  packetsOf(reading, 'egress') + packetsOf(reading, 'ingress');
