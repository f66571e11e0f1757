import { errnoName, strerror } from '../ffi/libc.ts';

/** Hints for kernel errors, by a pattern that their message matches. */
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

/** True if the kernel refused a request with one of the named errnos, as in `isNetlinkError(error, 'EEXIST')`. */
export const isNetlinkError = (error: unknown, ...codes: string[]): error is NetlinkError =>
  error instanceof NetlinkError && codes.includes(error.code);

/** Turns ENODEV into an empty list when the objects of one interface are listed, since it may have been removed. */
export const emptyListIfDeviceGone = <T>(error: unknown): T[] => {
  if (isNetlinkError(error, 'ENODEV')) return [];
  throw error;
};
