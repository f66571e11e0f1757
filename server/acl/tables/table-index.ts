/** Table A (0) or B (1): packets of generations of one parity are evaluated by it. */
export type PolicyTableIndex = 0 | 1;

/** The table to write; `both` where no packet is evaluated by either. */
export type TargetPolicyTable = PolicyTableIndex | 'both';
