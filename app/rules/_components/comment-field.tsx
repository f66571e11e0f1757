import { TextField } from '../../_components/text-field.tsx';
import { rulesText } from '../text.ts';

interface CommentFieldProps {
  value: string;
  change: (value: string) => void;
  /** What Enter does. */
  enter?: () => void;
  placeholder?: string;
  hint?: string;
}

/** Why the rules are changed. */
export const CommentField = ({ enter, hint = rulesText.commentHint, ...field }: CommentFieldProps) => (
  <TextField
    {...field}
    label={rulesText.comment}
    hint={hint}
    onKeyDown={(event) => event.key === 'Enter' && enter?.()}
    maxLength={500}
  />
);
