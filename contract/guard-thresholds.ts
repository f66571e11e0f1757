/** Default values of the guard's thresholds. */
export const guardThresholdDefaults = {
  on: true,
  dropShare: 0.5,
  dropsPerSecond: 100,
  dropSeconds: 10,
  oneSidedPerSecond: 100,
  oneSidedSeconds: 300,
  icmp: true,
  tcpPort: null as number | null,
  probeSeconds: 5,
  probeTimeoutMs: 1000,
  probeFailures: 4,
  repairs: 2,
  repairSeconds: 600,
  coolDownSeconds: 10,
};

interface NumberRange {
  min: number;
  max: number;
  integer: boolean;
}

/** Allowed ranges of the guard's numeric thresholds. */
export const guardThresholdRanges = {
  dropShare: { min: 0.001, max: 1, integer: false },
  dropsPerSecond: { min: 1, max: 1e9, integer: false },
  dropSeconds: { min: 2, max: 600, integer: true },
  oneSidedPerSecond: { min: 1, max: 1e9, integer: false },
  oneSidedSeconds: { min: 10, max: 86_400, integer: true },
  tcpPort: { min: 1, max: 65_535, integer: true },
  probeSeconds: { min: 1, max: 600, integer: true },
  probeTimeoutMs: { min: 50, max: 10_000, integer: true },
  probeFailures: { min: 1, max: 100, integer: true },
  repairs: { min: 0, max: 20, integer: true },
  repairSeconds: { min: 10, max: 86_400, integer: true },
  coolDownSeconds: { min: 1, max: 3600, integer: true },
} satisfies Partial<Record<keyof typeof guardThresholdDefaults, NumberRange>>;
