/**
 * Measures what work costs this thread. @returns a function that tells the milliseconds since: of processor time, where the
 * machine was busy with others, or of the clock, where this thread did other work in between
 */
export function startWorkCost(): () => number {
  const begun = performance.now();
  const before = process.threadCpuUsage();
  return () => {
    const { user, system } = process.threadCpuUsage(before);
    return Math.min(performance.now() - begun, (user + system) / 1000);
  };
}
