import type { AttachedProgram } from '../../contract/device.ts';
import type { MigrationPlan } from '../../contract/migration.ts';
import type { PathTranslator } from '../../contract/pod-path.ts';
import type { PreflightPodRef } from '../../contract/preflight.ts';

/**
 * A pod that a preflight looks at, whoever made it. Whatever lists pods gives this much of them; the preflight reads the
 * rest from the kernel.
 */
export interface PreflightTarget {
  pod: PreflightPodRef;
  labels: Readonly<Record<string, string>>;
  /** Its network namespace; null if that is gone. */
  netns: { path: string; inode: bigint } | null;
  /** Indexes of the ends of its device: on the host, and in its namespace. Null where there is no such end. */
  primaryIfindex: number | null;
  peerIfindex: number | null;
  /** Runtime or runtime class by which it runs, such as `kata-qemu` or `runsc`; null if it is not known. */
  runtime: string | null;
  /** Plans its way to netkit, and changes nothing. @throws ProblemError if there is none */
  plan(): Promise<Pick<MigrationPlan, 'checks' | 'items'>>;
  /** Reads what is on the hooks of its device. */
  readHooks(): Promise<{
    programs: readonly Pick<AttachedProgram, 'name' | 'ours'>[];
    translators: readonly PathTranslator[];
  }>;
}

/** A source of pods. */
export interface PreflightTargets {
  list(): readonly PreflightTarget[];
  /** Finds a pod by its id or `namespace.name`. */
  find(idOrName: string): PreflightTarget | undefined;
}
