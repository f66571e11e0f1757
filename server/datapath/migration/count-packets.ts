import type { Direction } from '../../../contract/direction.ts';
import { counterIndexByName } from '../../bpf/counter-layout.ts';

/** Returns the number of packets of one direction from a reading of a slot's counters. */
export const countPacketsByDirection = (reading: readonly bigint[], direction: Direction): bigint =>
  reading[counterIndexByName[direction === 'egress' ? 'egressPackets' : 'ingressPackets']] ?? 0n;

/** Returns the number of packets of both directions from a reading of a slot's counters. */
export const countPackets = (reading: readonly bigint[]): bigint =>
  countPacketsByDirection(reading, 'egress') + countPacketsByDirection(reading, 'ingress');
