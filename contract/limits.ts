/** Limits that the agent enforces and the dashboard states. This file has no schemas, so that a browser loads it alone. */

/** Most pods of a batch that migrate at the same time. */
export const maxBatchParallelism = 32;

/** Largest BPF object file that the agent accepts, in bytes. */
export const maxObjectFileSize = 512 * 1024;
/** Most builds that are stored beside the bundled one. */
export const maxBuilds = 8;
/** Most user programs on one pod. */
export const maxUserPrograms = 8;

/** Most traces that run at the same time. */
export const maxTraces = 4;
/** Most captures that run at the same time. */
export const maxCaptures = 4;

/** Default size limit of a dump's archive, in bytes. */
export const defaultDumpSize = 64 << 20;
/** Most dumps that are stored; a newer one deletes the oldest. */
export const maxStoredDumps = 3;
/** Time after which a dump is deleted, in hours. */
export const dumpRetentionHours = 24;
