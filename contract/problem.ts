import { z } from 'zod';

/** HTTP status and title of each stable error code. */
export const problemDefinitions = {
  bad_request: { status: 400, title: 'Invalid request' },
  unauthorized: { status: 401, title: 'Not signed in' },
  forbidden: { status: 403, title: 'The role does not allow this' },
  unsigned_build: { status: 403, title: 'The build is not signed by a trusted key' },
  foreign_origin: { status: 403, title: 'Request from another origin' },
  not_found: { status: 404, title: 'No such resource' },
  pod_not_found: { status: 404, title: 'No such pod' },
  observed_pod_not_found: { status: 404, title: 'No such observed pod' },
  migration_not_found: { status: 404, title: 'No such migration' },
  trace_not_found: { status: 404, title: 'No such trace' },
  batch_not_found: { status: 404, title: 'No such batch' },
  dump_not_found: { status: 404, title: 'No such dump' },
  program_not_found: { status: 404, title: 'No such BPF program' },
  map_not_found: { status: 404, title: 'No such BPF map' },
  entry_not_found: { status: 404, title: 'No such map entry' },
  build_not_found: { status: 404, title: 'No such build' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  pod_exists: { status: 409, title: 'A pod of this name exists' },
  address_in_use: { status: 409, title: 'Another pod has this address' },
  pod_gone: { status: 409, title: 'The pod’s network namespace no longer exists' },
  migration_running: { status: 409, title: 'A migration of this pod is running' },
  pod_adopted: { status: 409, title: 'The pod is adopted' },
  pod_not_adopted: { status: 409, title: 'The pod was not adopted' },
  not_adoptable: { status: 409, title: 'The pod cannot be adopted' },
  pod_busy: { status: 409, title: 'Another operation on this pod is running' },
  second_interface: { status: 409, title: 'The pod has a second interface' },
  already_on_kind: { status: 409, title: 'The pod is already on this kind of device' },
  device_missing: { status: 409, title: 'The pod’s device no longer exists' },
  not_carried: { status: 409, title: 'The migration would delete something that it cannot carry over' },
  loss_not_accepted: { status: 409, title: 'The migration would lose something that was not accepted' },
  host_not_ready: { status: 409, title: 'The host does not forward packets' },
  interface_in_use: { status: 409, title: 'The pod already has an interface of this name' },
  no_netkit: { status: 409, title: 'This kernel has no netkit' },
  no_tcx: { status: 409, title: 'This kernel has no tcx' },
  not_netkit: { status: 409, title: 'The pod’s device is not netkit' },
  already_there: { status: 409, title: 'The programs are already on these hooks' },
  batch_running: { status: 409, title: 'Another batch is running' },
  dump_running: { status: 409, title: 'A dump is in progress' },
  dump_not_done: { status: 409, title: 'The dump has no archive' },
  batch_ended: { status: 409, title: 'The batch has ended' },
  nothing_to_move: { status: 409, title: 'No pod can be migrated' },
  unknown_state: { status: 409, title: 'The kernel has state that the database does not know' },
  no_slot: { status: 409, title: 'No free device slot' },
  no_address: { status: 409, title: 'No free address in the pool' },
  port_in_use: { status: 409, title: 'Another container has this port of the node' },
  not_convertible: { status: 409, title: 'The interface cannot be replaced' },
  check_failed: { status: 409, title: 'The container’s network is not as it was set up' },
  cni_conflict: { status: 409, title: 'The CNI installation would replace what is not its own' },
  cni_in_use: { status: 409, title: 'Containers are attached through the CNI plugin' },
  delegate_failed: { status: 500, title: 'Another CNI plugin failed' },
  kubernetes_owned: { status: 409, title: 'Kubernetes sets this' },
  rules_changed: { status: 409, title: 'The access rules have changed' },
  no_staged_rules: { status: 404, title: 'No access rules are staged' },
  rule_not_found: { status: 404, title: 'No such access rule' },
  version_not_found: { status: 404, title: 'No such version of the access rules' },
  build_active: { status: 409, title: 'The build is active' },
  activation_running: { status: 409, title: 'A build is being activated' },
  no_previous_build: { status: 409, title: 'No previous build to roll back to' },
  too_many_builds: { status: 409, title: 'Too many builds' },
  too_many_programs: { status: 409, title: 'Too many user programs on this pod' },
  bad_object: { status: 422, title: 'Not a BPF object that can be attached' },
  build_incompatible: { status: 422, title: 'The build is incompatible with the running one' },
  verifier_refused: { status: 422, title: 'The verifier rejected a program' },
  bad_netns: { status: 422, title: 'Not a network namespace' },
  too_large: { status: 413, title: 'The request is too large' },
  foreign_host: { status: 421, title: 'Request for another host' },
  map_not_editable: { status: 409, title: 'The map cannot be edited' },
  bad_entry: { status: 422, title: 'The entry does not fit the map’s types' },
  bad_rules: { status: 422, title: 'Invalid access rules' },
  rules_too_large: { status: 422, title: 'The access rules exceed the size of the tables' },
  unprocessable: { status: 422, title: 'The request cannot be processed' },
  too_many: { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'Internal error' },
  kernel_refused: { status: 500, title: 'The kernel returned an error' },
  migration_failed: { status: 500, title: 'The migration failed' },
  store_failed: { status: 500, title: 'The database failed' },
  agent_unreachable: { status: 502, title: 'The agent does not respond' },
  cluster_unknown: { status: 503, title: 'The cluster’s policies are not known yet' },
  kubernetes_unreachable: { status: 503, title: 'Kubernetes does not respond' },
  overloaded: { status: 503, title: 'Too many connections' },
  stopping: { status: 503, title: 'The agent is stopping' },
} as const satisfies Record<string, { status: number; title: string }>;
export type ProblemCode = keyof typeof problemDefinitions;

/** Summary of the verifier's log for a rejected program. */
export const verifierRefusalSchema = z.object({
  program: z.string(),
  message: z.string().describe('The verifier’s error message'),
  instruction: z
    .object({ number: z.number().int(), text: z.string() })
    .nullable()
    .describe('The instruction at which verification failed'),
  source: z
    .object({ text: z.string(), file: z.string().nullable(), line: z.number().int().nullable() })
    .nullable()
    .describe('Source line of that instruction, if the object has BTF line information'),
  registers: z.array(z.string()).describe('Known state of registers and stack there, e.g. `R1=ctx()`'),
  before: z.array(z.string()).describe('The instructions verified last, oldest first'),
  meaning: z.string().nullable().describe('Usual cause of the error and its remedy'),
  log: z.string().describe('The end of the verifier’s log'),
});
export type VerifierRefusal = z.infer<typeof verifierRefusalSchema>;

/** RFC 9457 problem details of an error, with a stable `code`. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.enum(Object.keys(problemDefinitions) as [ProblemCode, ...ProblemCode[]]),
  detail: z
    .string()
    .describe('The operation, its object and, where the kernel failed it, the kernel’s error'),
  hint: z.string().optional().describe('A remedy'),
  errors: z
    .array(
      z.object({
        path: z.string(),
        message: z.string(),
        line: z.number().int().optional().describe('Line of the submitted text, from 1'),
      }),
    )
    .optional(),
  verifier: verifierRefusalSchema.optional().describe('Present with the code `verifier_refused`'),
});
export type Problem = z.infer<typeof problemSchema>;

/** Error that the API returns as problem details. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly hint: string | undefined;
  readonly errors: Problem['errors'];
  readonly verifier: VerifierRefusal | undefined;
  constructor(
    code: ProblemCode,
    detail: string,
    options: {
      hint?: string | undefined;
      cause?: unknown;
      errors?: Problem['errors'];
      verifier?: VerifierRefusal | undefined;
    } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ProblemError';
    this.code = code;
    this.hint = options.hint;
    this.errors = options.errors;
    this.verifier = options.verifier;
  }
  toProblem(): Problem {
    const { status, title } = problemDefinitions[this.code];
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
