/** A program on a hook, identified by its own id or by the id of its link. */
export type AnchorTarget = { programId: number } | { linkId: number };

/** A position among the programs of a hook, which run from head to tail. */
export type AttachAnchor = 'head' | 'tail' | { before: AnchorTarget } | { after: AnchorTarget };

/** BPF_F_BEFORE, BPF_F_AFTER, BPF_F_ID and BPF_F_LINK, <linux/bpf.h>. */
const flag = { before: 1 << 3, after: 1 << 4, id: 1 << 5, link: 1 << 13 } as const;

/**
 * Encodes an anchor for bpf(2). The kernel (kernel/bpf/mprog.c) takes before or after without a target as head or
 * tail.
 */
export function encodeAttachAnchor(anchor: AttachAnchor): { flags: number; relativeId: number } {
  if (anchor === 'head') return { flags: flag.before, relativeId: 0 };
  if (anchor === 'tail') return { flags: flag.after, relativeId: 0 };
  const [side, target] =
    'before' in anchor ? [flag.before, anchor.before] : ([flag.after, anchor.after] as const);
  return 'linkId' in target
    ? { flags: side | flag.id | flag.link, relativeId: target.linkId }
    : { flags: side | flag.id, relativeId: target.programId };
}

/** Explanations of attach errors, by errno name. */
export const attachErrorHints: Readonly<Record<string, string>> = {
  ENOENT: 'the program or link to attach next to is not on the hook',
  EEXIST: 'the program is already on the hook',
  ERANGE: 'the hook already holds 64 programs, the maximum',
};
