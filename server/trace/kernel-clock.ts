/** Converts kernel times (CLOCK_MONOTONIC in ns, as Node's hrtime) to wall time. */
export interface KernelClock {
  /** Returns ISO 8601 text with microseconds. */
  microseconds(ktimeNs: bigint): string;
  /** Returns ISO 8601 text with milliseconds. */
  milliseconds(ktimeNs: bigint): string;
}

/** Reads the offset between both clocks now. A clock read later includes steps of the wall clock. */
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
