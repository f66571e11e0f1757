import type { MigrationStep } from '../../../contract/migration.ts';

export const errnos = ['EBUSY', 'ENOMEM', 'EEXIST'] as const;
export type InjectedErrno = (typeof errnos)[number];

/** Of the calls that taking back makes, the first is refused as well, or all are. */
export type UndoRefusal = 'once' | 'always';

/** What goes wrong at a step of a migration. */
export type Fault =
  /**
   * The agent is killed: before the step; when it is done and the journal does not say so yet; or, with the step
   * refused, when the first of its undoings is done. Then the next agent may be killed too, after its first action.
   * `process`: by SIGKILL also where other kills leave the process.
   */
  | { type: 'kill'; when: 'before' | 'after' | 'undoing'; podGone?: boolean; twice?: boolean; process?: true }
  /** The `call`th call to the kernel of the step is refused, once or from then on; the kernel does not see it. */
  | { type: 'refusal'; errno: InjectedErrno; call: number; always: boolean; undo?: UndoRefusal }
  /** Somebody does this before the step: unmounts the pod's namespace, deletes one of its devices. */
  | { type: 'event'; event: 'pod-gone' | 'old-deleted' | 'new-deleted' }
  /** The file system of the database is full from this write on: of the step, or of what comes before the first. */
  | { type: 'disk-full'; writing: 'device' | 'journal' | 'step' };

export interface FaultAt {
  step: MigrationStep;
  fault: Fault;
}
