/** Index of a policy table: A (0) is used by even generations of a rule set, B (1) by odd ones. */
export type PolicyTableIndex = 0 | 1;

/** Policy table to write; `both` if no packet is evaluated by either table. */
export type TargetPolicyTable = PolicyTableIndex | 'both';
