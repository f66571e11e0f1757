import type { ProblemCode } from './problem.ts';

/** Error codes of the CNI specification. */
export const cniErrorCodes = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidConfig: 7,
  tryAgainLater: 11,
  notAvailable: 50,
} as const;

/**
 * CNI error codes of Podlane's own errors, from 100 on, and of those that the specification has a code for. Stable: a
 * code is never given to another error.
 */
export const cniCodeOfProblem: Partial<Record<ProblemCode, number>> = {
  bad_netns: cniErrorCodes.invalidEnvironment,
  overloaded: cniErrorCodes.tryAgainLater,
  stopping: cniErrorCodes.tryAgainLater,
  pod_busy: cniErrorCodes.tryAgainLater,
  migration_running: cniErrorCodes.tryAgainLater,
  pod_exists: 101,
  interface_in_use: 102,
  address_in_use: 103,
  no_address: 104,
  no_netkit: 105,
  no_tcx: 105,
  no_slot: 106,
  kernel_refused: 107,
  store_failed: 108,
  rules_too_large: 109,
  not_convertible: 110,
  delegate_failed: 111,
  check_failed: 112,
  port_in_use: 113,
};
/** Code of every other error of the agent. */
export const cniInternalErrorCode = 199;

/** Error that a CNI plugin reports, with a code of the specification or, from 100 on, of a plugin. */
export class CniError extends Error {
  readonly code: number;
  readonly details: string | undefined;

  constructor(code: number, message: string, details?: string) {
    super(message);
    this.name = 'CniError';
    this.code = code;
    this.details = details;
  }
}
