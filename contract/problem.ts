import { z } from 'zod';

/** Every error that crosses a process boundary: its stable code, HTTP status and title. */
export const problems = {
  bad_request: { status: 400, title: 'The request is not valid' },
  unauthorized: { status: 401, title: 'Not signed in' },
  forbidden: { status: 403, title: 'Not allowed for this role' },
  unsigned_build: { status: 403, title: 'The build is not signed by a trusted key' },
  foreign_origin: { status: 403, title: 'Request from a foreign origin' },
  not_found: { status: 404, title: 'No such resource' },
  pod_not_found: { status: 404, title: 'No such pod' },
  migration_not_found: { status: 404, title: 'No such migration' },
  trace_not_found: { status: 404, title: 'No such trace' },
  batch_not_found: { status: 404, title: 'No such batch' },
  dump_not_found: { status: 404, title: 'No such dump' },
  program_not_found: { status: 404, title: 'No such eBPF program' },
  map_not_found: { status: 404, title: 'No such eBPF map' },
  entry_not_found: { status: 404, title: 'The map has no such entry' },
  build_not_found: { status: 404, title: 'No such build' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  pod_exists: { status: 409, title: 'The pod exists already' },
  address_in_use: { status: 409, title: 'Another pod has this address' },
  pod_gone: { status: 409, title: 'The pod’s network namespace is gone' },
  migration_running: { status: 409, title: 'A migration of this pod is running' },
  pod_busy: { status: 409, title: 'Another operation on this pod is running' },
  second_interface: { status: 409, title: 'The pod has a second interface' },
  already_on_kind: { status: 409, title: 'The pod is on this kind of device already' },
  device_missing: { status: 409, title: 'The pod’s device is gone' },
  host_not_ready: { status: 409, title: 'The host is not set up to forward' },
  interface_in_use: { status: 409, title: 'The pod has an interface of this name' },
  no_netkit: { status: 409, title: 'This kernel has no netkit' },
  no_tcx: { status: 409, title: 'This kernel has no tcx' },
  not_netkit: { status: 409, title: 'The pod’s device is not netkit' },
  already_there: { status: 409, title: 'The programs are on these hooks already' },
  batch_running: { status: 409, title: 'Another batch is running' },
  dump_running: { status: 409, title: 'A dump is being made' },
  dump_not_done: { status: 409, title: 'The dump has no archive' },
  batch_ended: { status: 409, title: 'The batch has ended' },
  nothing_to_move: { status: 409, title: 'No pod can be moved' },
  no_slot: { status: 409, title: 'All slots are taken' },
  rules_changed: { status: 409, title: 'The access rules were changed meanwhile' },
  no_staged_rules: { status: 404, title: 'No access rules are staged' },
  rule_not_found: { status: 404, title: 'No such access rule' },
  version_not_found: { status: 404, title: 'No such version of the access rules' },
  build_active: { status: 409, title: 'The build is active' },
  activation_running: { status: 409, title: 'A build is being activated' },
  no_previous_build: { status: 409, title: 'There is no build to go back to' },
  too_many_builds: { status: 409, title: 'No more builds are kept' },
  too_many_programs: { status: 409, title: 'The pod has as many programs as it may' },
  bad_object: { status: 422, title: 'Not an object that can be attached' },
  build_incompatible: { status: 422, title: 'The build does not fit what runs' },
  verifier_refused: { status: 422, title: 'The verifier refused a program' },
  bad_netns: { status: 422, title: 'Not a network namespace' },
  too_large: { status: 413, title: 'The request is too large' },
  foreign_host: { status: 421, title: 'Request for a foreign host' },
  map_not_editable: { status: 409, title: 'The map is not to be edited' },
  bad_entry: { status: 422, title: 'The entry does not fit the map' },
  bad_rules: { status: 422, title: 'The access rules are not valid' },
  rules_too_large: { status: 422, title: 'The access rules need more than the tables hold' },
  unprocessable: { status: 422, title: 'The request cannot be carried out' },
  too_many: { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'Podlane failed' },
  kernel_refused: { status: 500, title: 'The kernel refused' },
  migration_failed: { status: 500, title: 'The migration failed' },
  store_failed: { status: 500, title: 'The database failed' },
  agent_unreachable: { status: 502, title: 'The agent does not answer' },
  stopping: { status: 503, title: 'The agent is stopping' },
} as const satisfies Record<string, { status: number; title: string }>;
export type ProblemCode = keyof typeof problems;

/** What the verifier said of a program that it refused, taken apart. */
export const verifierRefusal = z.object({
  program: z.string(),
  message: z.string().describe('the verifier’s complaint'),
  instruction: z
    .object({ number: z.number().int(), text: z.string() })
    .nullable()
    .describe('the one it stopped at'),
  source: z
    .object({ text: z.string(), file: z.string().nullable(), line: z.number().int().nullable() })
    .nullable()
    .describe('the source line of that instruction, where the object has BTF lines'),
  registers: z.array(z.string()).describe('what it knew of registers and stack there, e.g. `R1=ctx()`'),
  before: z.array(z.string()).describe('the last instructions on the way there, oldest first'),
  meaning: z.string().nullable().describe('what the complaint usually means, and what to do'),
  log: z.string().describe('the end of the log as it came'),
});
export type VerifierRefusal = z.infer<typeof verifierRefusal>;

/** RFC 9457 problem details with our stable `code`. */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.enum(Object.keys(problems) as [ProblemCode, ...ProblemCode[]]),
  detail: z.string().describe('what was tried, on what, and what the kernel answered'),
  hint: z.string().optional().describe('what to do'),
  errors: z
    .array(
      z.object({
        path: z.string(),
        message: z.string(),
        line: z.number().int().optional().describe('of the text that was sent, from 1'),
      }),
    )
    .optional(),
  verifier: verifierRefusal.optional().describe('with the code `verifier_refused`'),
});
export type Problem = z.infer<typeof problem>;

/** An error that carries a problem; what every layer throws towards a door. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly hint: string | undefined;
  readonly errors: Problem['errors'];
  readonly verifier: VerifierRefusal | undefined;
  constructor(
    code: ProblemCode,
    detail: string,
    more: {
      hint?: string | undefined;
      cause?: unknown;
      errors?: Problem['errors'];
      verifier?: VerifierRefusal | undefined;
    } = {},
  ) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'ProblemError';
    this.code = code;
    this.hint = more.hint;
    this.errors = more.errors;
    this.verifier = more.verifier;
  }
  toProblem(): Problem {
    const { status, title } = problems[this.code];
    return {
      type: `about:podlane/${this.code}`,
      title,
      status,
      code: this.code,
      detail: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.errors === undefined ? {} : { errors: this.errors }),
      ...(this.verifier === undefined ? {} : { verifier: this.verifier }),
    };
  }
}
