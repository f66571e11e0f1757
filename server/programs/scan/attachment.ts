import type { Attachment } from '../../../contract/program.ts';

/** Creates an attachment; fields that are not given are null. */
export const createProgramAttachment = (
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
