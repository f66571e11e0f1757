import { TextField } from '../../_components/text-field.tsx';
import { rulesText } from '../text.ts';

interface CommentFieldProps {
  value: string;
  change: (value: string) => void;
  /** Called on Enter. */
  enter?: () => void;
  placeholder?: string;
  hint?: string;
}

/** Comment that is saved with a version of the rules. */
export const VersionCommentField = ({ enter, hint = rulesText.commentHint, ...field }: CommentFieldProps) => (
  <TextField
    {...field}
    label={rulesText.comment}
    hint={hint}
    onKeyDown={(event) => event.key === 'Enter' && enter?.()}
    maxLength={500}
  />
);
