/**
 * Limits that the agent enforces and the dashboard shows. This file has no schemas, so that browsers can load it alone.
 */

/** Maximum number of pods of a batch that migrate at the same time. */
export const maxBatchParallelism = 32;

/** Maximum size of a BPF object file that the agent accepts, in bytes. */
export const maxObjectFileSize = 512 * 1024;
/** Maximum number of stored builds, not counting the bundled one. */
export const maxBuilds = 8;
/** Maximum number of user programs on one pod. */
export const maxUserPrograms = 8;

/** Maximum number of traces that run at the same time. */
export const maxTraces = 4;
/** Maximum number of captures that run at the same time. */
export const maxCaptures = 4;

/** Default size limit of a dump archive in bytes. */
export const defaultDebugDumpSize = 64 << 20;
/** Maximum number of stored dumps; a new dump deletes the oldest one. */
export const maxStoredDebugDumps = 3;
/** Time in hours after which a dump is deleted. */
export const debugDumpRetentionHours = 24;
