import { TextField } from '../../_components/text-field.tsx';
import { rulesText } from '../text.ts';

interface CommentFieldProps {
  value: string;
  change: (value: string) => void;
  /** Called when the user presses Enter in the comment field. */
  enter?: () => void;
  placeholder?: string;
  hint?: string;
}

/** Renders the field for the comment that is saved with a version of the rules. */
export const RuleVersionCommentField = ({
  enter,
  hint = rulesText.commentHint,
  ...field
}: CommentFieldProps) => (
  <TextField
    {...field}
    label={rulesText.comment}
    hint={hint}
    onKeyDown={(event) => event.key === 'Enter' && enter?.()}
    maxLength={500}
  />
);
