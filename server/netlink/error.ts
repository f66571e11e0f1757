import { errnoName, strerror } from '../ffi/libc.ts';

/** Remedies by the kernel's own text of the refusal. */
const hints: readonly [RegExp, string][] = [
  [
    /unknown device type/i,
    'the kernel has no such device kind (netkit needs CONFIG_NETKIT: Linux 6.7 or a backport)',
  ],
  [/specified qdisc (kind is unknown|not found)/i, 'load or build sch_ingress (CONFIG_NET_SCH_INGRESS)'],
];

/**
 * A request that the kernel refused: the operation with its object, and the kernel's answer. `code` is the errno's
 * name, `kernelText` the kernel's own sentence (NLMSGERR_ATTR_MSG), if it gave one.
 */
export class NetlinkError extends Error {
  readonly errno: number;
  readonly code: string;
  readonly kernelText: string | null;
  readonly operation: string;
  readonly hint: string | undefined;

  constructor(operation: string, errno: number, kernelText: string | null = null) {
    const code = errnoName(errno);
    super(`${operation}: ${kernelText ?? strerror(errno)} (${code})`);
    this.name = 'NetlinkError';
    this.operation = operation;
    this.errno = errno;
    this.code = code;
    this.kernelText = kernelText;
    this.hint = kernelText === null ? undefined : hints.find(([pattern]) => pattern.test(kernelText))?.[1];
  }
}

/** Tests for the kernel's refusal with one of these codes, as in `isNetlinkError(error, 'EEXIST')`. */
export const isNetlinkError = (error: unknown, ...codes: string[]): error is NetlinkError =>
  error instanceof NetlinkError && codes.includes(error.code);

/** Replaces ENODEV by an empty list, for dumps of one interface's objects: an interface that is gone has none. */
export const emptyWhenDeviceGone = <T>(error: unknown): T[] => {
  if (isNetlinkError(error, 'ENODEV')) return [];
  throw error;
};
