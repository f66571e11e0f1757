import type { Direction } from '../../../contract/direction.ts';
import { counterIndexByName } from '../../bpf/counter-layout.ts';

/** Packets of one direction in a reading of a slot's counters. */
export const countPacketsByDirection = (reading: readonly bigint[], direction: Direction): bigint =>
  reading[counterIndexByName[direction === 'egress' ? 'egressPackets' : 'ingressPackets']] ?? 0n;

/** Packets of both directions in a reading of a slot's counters. */
export const countPackets = (reading: readonly bigint[]): bigint =>
  countPacketsByDirection(reading, 'egress') + countPacketsByDirection(reading, 'ingress');
