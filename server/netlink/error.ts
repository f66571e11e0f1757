import { errnoName, strerror } from '../ffi/libc.ts';

/** What a kernel that refuses usually lacks, by its own words. */
const hints: readonly [RegExp, string][] = [
  [
    /unknown device type/i,
    'the kernel has no such device kind (netkit needs CONFIG_NETKIT: Linux 6.7 or a backport)',
  ],
  [/specified qdisc (kind is unknown|not found)/i, 'load or build sch_ingress (CONFIG_NET_SCH_INGRESS)'],
];

/**
 * A refused request: what was tried on what, and the kernel's answer.
 * `code` is the errno's name, `kernelText` the kernel's own sentence (NLMSGERR_ATTR_MSG), if it gave one.
 */
export class NetlinkError extends Error {
  readonly errno: number;
  readonly code: string;
  readonly kernelText: string | null;
  readonly operation: string;
  readonly hint: string | undefined;

  constructor(tried: string, errno: number, kernelText: string | null = null) {
    const code = errnoName(errno);
    super(`${tried}: ${kernelText ?? strerror(errno)} (${code})`);
    this.name = 'NetlinkError';
    this.operation = tried;
    this.errno = errno;
    this.code = code;
    this.kernelText = kernelText;
    this.hint = kernelText === null ? undefined : hints.find(([pattern]) => pattern.test(kernelText))?.[1];
  }
}

/** Whether `error` is the kernel's refusal with one of these codes, as in `isNetlinkError(error, 'EEXIST')`. */
export const isNetlinkError = (error: unknown, ...codes: string[]): error is NetlinkError =>
  error instanceof NetlinkError && codes.includes(error.code);

/** For dumps of one interface's objects: one that is gone has none, where the kernel answers ENODEV. */
export const emptyWhenDeviceGone = <T>(error: unknown): T[] => {
  if (isNetlinkError(error, 'ENODEV')) return [];
  throw error;
};
