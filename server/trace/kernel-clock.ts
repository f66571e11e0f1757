/** Converts kernel times (CLOCK_MONOTONIC in ns, like Node's hrtime) to wall-clock times. */
export interface KernelClock {
  /** Formats a kernel time as ISO 8601 with microseconds. */
  microseconds(ktimeNs: bigint): string;
  /** Formats a kernel time as ISO 8601 with milliseconds. */
  milliseconds(ktimeNs: bigint): string;
}

/** Reads the current offset between the monotonic and the wall clock. Steps of the wall clock require a new reading. */
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
