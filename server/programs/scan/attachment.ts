import type { Attachment } from '../../../contract/program.ts';

/** Makes an attachment; device, position and link are null unless given. */
export const createAttachment = (
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
