/** A program on a hook, by itself or by its link. */
export type AnchorTarget = { programId: number } | { linkId: number };

/** Where a program goes among those that are on the hook. */
export type Anchor = 'first' | 'last' | { before: AnchorTarget } | { after: AnchorTarget };

/** BPF_F_* (linux/bpf.h). */
const flag = { before: 1 << 3, after: 1 << 4, id: 1 << 5, link: 1 << 13 } as const;

/** The order as bpf(2) takes it (kernel/bpf/mprog.c): without a neighbour, before or after all there are. */
export function encodeAnchor(order: Anchor): { flags: number; relativeId: number } {
  if (order === 'first') return { flags: flag.before, relativeId: 0 };
  if (order === 'last') return { flags: flag.after, relativeId: 0 };
  const [side, neighbour] =
    'before' in order ? [flag.before, order.before] : ([flag.after, order.after] as const);
  return 'linkId' in neighbour
    ? { flags: side | flag.id | flag.link, relativeId: neighbour.linkId }
    : { flags: side | flag.id, relativeId: neighbour.programId };
}

/** What the kernel means by its answers to an attach in an order. */
export const anchorHints: Record<string, string> = {
  ENOENT: 'the program or link to stand next to is not on the hook',
  EEXIST: 'the program is on the hook already',
  ERANGE: 'the hook holds 64 programs and no more',
};
