import { statSync } from 'node:fs';
import type { ObservedContainer, PublishedPort, Runtime } from '../../../contract/observed-pod.ts';

/** A pod or container as one runtime knows it. Pods of several runtimes may be the same, one seen through the other. */
export interface RuntimePod {
  /** Id of the sandbox, pod or container. */
  id: string;
  /** Ids of all its containers, which the control groups of its processes have. */
  containerIds: readonly string[];
  /** Inode of its network namespace; null if the runtime does not tell where that is. */
  inode: number | null;
  hostNetwork: boolean;
  namespace: string | null;
  name: string;
  uid: string | null;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  image: string | null;
  containers: readonly ObservedContainer[];
  publishedPorts: readonly PublishedPort[];
}

/** What a runtime answered about itself and its pods. */
export interface RuntimeAnswer {
  name: string;
  version: string | null;
  pods: RuntimePod[];
  /** True if not all was asked yet, to bound one answer: it is asked again soon. */
  partial?: boolean;
}

/** A runtime that can be asked. */
export interface RuntimeClient {
  kind: Runtime['kind'];
  /** Name until the runtime says its own. */
  name: string;
  /** Its socket or folder. */
  path: string;
  /** Asks for all pods. @throws Error if it does not answer in time, or not what can be read */
  list(signal: AbortSignal): Promise<RuntimeAnswer>;
  /** Calls `changed` whenever the runtime tells of a change; ends when the runtime ends it. Missing: it has to be asked. */
  follow?(changed: () => void, signal: AbortSignal): Promise<void>;
  close?(): void;
}

/** Returns the inode of the namespace at a path; null if there is none. */
export function readInode(path: string | null | undefined): number | null {
  if (path === null || path === undefined || path === '') return null;
  try {
    const inode = statSync(path, { throwIfNoEntry: false })?.ino;
    return inode === undefined || inode === 0 ? null : inode;
  } catch {
    return null;
  }
}

/** Returns the inode of a process's network namespace; null if it has ended. */
export const readProcessInode = (pid: number | null | undefined): number | null =>
  pid === null || pid === undefined || pid <= 0 ? null : readInode(`/proc/${pid}/ns/net`);

/** Returns a value that is an object, as an object with unknown fields; else an empty one. */
export const toRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};

export const toArray = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const toText = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : null;

export const toInteger = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) ? value : null;

/** Returns the entries of an object whose values are texts. */
export const toTexts = (value: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries(toRecord(value)).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );
