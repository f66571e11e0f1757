import type { CounterMap } from '../bpf/counters.ts';
import { counterFields, field, sweptFields } from './fields.ts';

/** Adds a slot's counters, in the order of `counterFields`, to `totals`. */
export type Reading = (slot: number, totals: BigUint64Array) => void;
type Counters = Pick<CounterMap, 'read' | 'sweep'>;

/** Reads each slot when it is asked for: for a few. */
export function readEach(counters: Counters): Reading {
  return (slot, totals) => {
    for (const [i, value] of counters.read(slot).entries()) totals[i] = totals[i]! + value;
  };
}

/**
 * Reads all slots up to `end` now, into `room` (`sweptFields` a slot). Reasons of drops are read when asked
 * for, where there are any.
 */
export function readAll(counters: Counters, end: number, room: BigUint64Array): Reading {
  if (end > 0) counters.sweep(room, end);
  return (slot, totals) => {
    const first = slot * sweptFields;
    for (let i = 0; i < sweptFields; i += 1) totals[i] = totals[i]! + room[first + i]!;
    if (room[first + field.droppedPacketsOut] === 0n && room[first + field.droppedPacketsIn] === 0n) return;
    const reasons = counters.read(slot);
    for (let i = sweptFields; i < counterFields.length; i += 1) totals[i] = totals[i]! + reasons[i]!;
  };
}
