/** Wall time of kernel times: CLOCK_MONOTONIC, ns, which Node's hrtime reads too. */
export interface KernelClock {
  /** ISO 8601 with microseconds. */
  microseconds(ktimeNs: bigint): string;
  /** ISO 8601 with milliseconds. */
  milliseconds(ktimeNs: bigint): string;
}

/** Both clocks as they are now: a step of the wall clock is in what comes after it. */
export function readKernelClock(): KernelClock {
  const offsetNs =
    BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6)) - process.hrtime.bigint();
  const milliseconds = (ns: bigint): string => new Date(Number((ns + offsetNs) / 1_000_000n)).toISOString();
  return {
    milliseconds,
    microseconds: (ns) =>
      milliseconds(ns).replace('Z', `${(((ns + offsetNs) / 1000n) % 1000n).toString().padStart(3, '0')}Z`),
  };
}
