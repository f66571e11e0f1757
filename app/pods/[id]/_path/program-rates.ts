import type { Direction } from '../../../../contract/direction.ts';

/** Rates of a pod's packets and bits over the last second. */
export interface PodPathRates {
  egressPackets: number;
  ingressPackets: number;
  egressBits: number;
  ingressBits: number;
  egressRedirectedPackets: number;
  egressDroppedPackets: number;
  ingressDroppedPackets: number;
}

/**
 * Verdicts of a program on a pod's packets in the last second; the shares passed, redirected and dropped add up to 1.
 */
export interface ProgramVerdictShares {
  pass: number;
  redirect: number;
  drop: number;
  dropsPerSecond: number;
}

/**
 * Returns the verdict shares of Podlane's program for a direction; null if the program did not run or before the first
 * rates.
 */
export function computeVerdictShares(
  rates: PodPathRates | null,
  direction: Direction,
): ProgramVerdictShares | null {
  if (rates === null) return null;
  const runs = computeProgramRunRate(rates, direction);
  if (runs <= 0) return null;
  const drops = direction === 'egress' ? rates.egressDroppedPackets : rates.ingressDroppedPackets;
  const redirect = direction === 'egress' ? rates.egressRedirectedPackets / runs : 0;
  return {
    pass: Math.max(0, 1 - redirect - drops / runs),
    redirect,
    drop: drops / runs,
    dropsPerSecond: drops,
  };
}

/** Returns the runs per second of Podlane's program for a direction: one run per packet, accepted or dropped. */
export const computeProgramRunRate = (rates: PodPathRates, direction: Direction): number =>
  direction === 'egress'
    ? rates.egressPackets + rates.egressDroppedPackets
    : rates.ingressPackets + rates.ingressDroppedPackets;

/** Returns the packets per second that Podlane's program accepted in a direction. */
export const getAcceptedPacketRate = (rates: PodPathRates, direction: Direction): number =>
  direction === 'egress' ? rates.egressPackets : rates.ingressPackets;
