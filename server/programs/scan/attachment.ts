import type { Attachment } from '../../../contract/program.ts';

/** An attachment with what a place without device, order or link has not. */
export const attachmentAt = (
  programId: number,
  at: Pick<Attachment, 'kind' | 'hook' | 'target'> & Partial<Attachment>,
): Attachment & { programId: number } => ({
  programId,
  device: null,
  position: null,
  of: null,
  linkId: null,
  priority: null,
  ...at,
});
