import { type ProblemCode, ProblemError } from '../../contract/problem.ts';

/** Activity of a pod; a pod has exactly one at a time, and `gone` is final. */
export type PodActivity =
  | { type: 'idle' }
  | { type: 'attaching' }
  | { type: 'planning' }
  | { type: 'migrating'; migrationId: string }
  | { type: 'repairing' }
  | { type: 'moving-hooks' }
  | { type: 'changing-programs' }
  | { type: 'changing-checks' }
  | { type: 'detaching' }
  | { type: 'gone' };

/** Activity that a caller can start. A pod enters `gone` only from within another activity. */
export type StartablePodActivity = Exclude<PodActivity, { type: 'idle' } | { type: 'gone' }>;

/** Pod with an activity. Only `withPod` and `tryWithPod` change the activity. */
export interface PodWithActivity {
  readonly activity: PodActivity;
}

/** Changes the running activity to another one without making the pod idle in between. */
export type EnterPodActivity = (next: PodActivity) => void;

const descriptions: Record<PodActivity['type'], string> = {
  idle: 'nothing runs',
  attaching: 'it is being attached',
  planning: 'a migration of it is being planned',
  migrating: 'it is being migrated',
  repairing: 'its device is being repaired',
  'moving-hooks': 'its programs are being moved to other hooks',
  'changing-programs': 'a program is being attached to it or detached from it',
  'changing-checks': 'its packet checks are being changed',
  detaching: 'it is being detached',
  gone: 'it is gone',
};

/** Describes an activity as a clause, for error texts and plan checks. */
export const describePodActivity = (activity: PodActivity): string =>
  activity.type === 'migrating'
    ? `migration ${activity.migrationId} is running`
    : descriptions[activity.type];

const codes: Partial<Record<PodActivity['type'], ProblemCode>> = {
  planning: 'migration_running',
  migrating: 'migration_running',
  detaching: 'pod_gone',
  gone: 'pod_gone',
};

/** Creates the 409 problem that names the blocking activity. @param what the refused operation and its pod */
export const podBusyError = (what: string, activity: PodActivity): ProblemError =>
  new ProblemError(codes[activity.type] ?? 'pod_busy', `${what}: ${describePodActivity(activity)}`, {
    hint:
      activity.type === 'gone'
        ? 'The pod has ended.'
        : activity.type === 'migrating'
          ? 'Wait for it to end: GET /api/v1/migrations/:id.'
          : 'Wait for it to end, then try again.',
  });

/** Problem code and detail of an activity that blocks an operation, for plan checks. */
export interface BlockingActivity {
  code: ProblemCode;
  detail: string;
}

/** Returns the pod's activity if it blocks operations, or null if an operation can start. */
export const findBlockingActivity = ({ activity }: PodWithActivity): BlockingActivity | null =>
  activity.type === 'idle' || activity.type === 'repairing'
    ? null
    : { code: codes[activity.type] ?? 'pod_busy', detail: describePodActivity(activity) };

const ends = new WeakMap<PodWithActivity, Promise<unknown>>();

/**
 * Does `work` as the pod's only activity. Waits for a running repair, which is Podlane's own and short.
 * @param what the operation and its pod, for the error
 * @throws ProblemError `migration_running`, `pod_gone`, `pod_busy`: 409 with the activity that holds the pod
 */
export async function withPod<T>(
  pod: PodWithActivity,
  activity: StartablePodActivity,
  what: string,
  work: (enter: EnterPodActivity) => Promise<T>,
): Promise<T> {
  while (pod.activity.type === 'repairing') await ends.get(pod);
  if (pod.activity.type !== 'idle') throw podBusyError(what, pod.activity);
  return hold(pod, activity, work);
}

/**
 * Runs `work` as the pod's only activity if the pod is idle.
 * @returns false if the pod was not idle and `work` did not run
 */
export async function tryWithPod(
  pod: PodWithActivity,
  activity: StartablePodActivity,
  work: (enter: EnterPodActivity) => Promise<void>,
): Promise<boolean> {
  if (pod.activity.type !== 'idle') return false;
  await hold(pod, activity, work);
  return true;
}

async function hold<T>(
  pod: { activity: PodActivity },
  activity: StartablePodActivity,
  work: (enter: EnterPodActivity) => Promise<T>,
): Promise<T> {
  pod.activity = activity;
  const running = (async () => {
    try {
      return await work((next) => {
        pod.activity = next;
      });
    } finally {
      if (pod.activity.type !== 'gone') pod.activity = { type: 'idle' };
    }
  })();
  ends.set(
    pod,
    running.catch(() => undefined),
  );
  return running;
}

/** Returns the id of the pod's running migration, or null. */
export const runningMigrationId = ({ activity }: PodWithActivity): string | null =>
  activity.type === 'migrating' ? activity.migrationId : null;

export const isPodIdle = ({ activity }: PodWithActivity): boolean => activity.type === 'idle';

export const isPodGone = ({ activity }: PodWithActivity): boolean => activity.type === 'gone';

/** True if the pod is being detached or is gone, in which case a missing device is not a fault. */
export const isPodLeaving = ({ activity }: PodWithActivity): boolean =>
  activity.type === 'detaching' || activity.type === 'gone';
