import { TextField } from '../../_components/text-field.tsx';

interface CommentFieldProps {
  value: string;
  change: (value: string) => void;
  /** What Enter does. */
  enter?: () => void;
  placeholder?: string;
  hint?: string;
}

/** Why the rules are changed. */
export const CommentField = ({
  enter,
  hint = 'Kept with the version, beside your name.',
  ...field
}: CommentFieldProps) => (
  <TextField
    {...field}
    label="Why"
    hint={hint}
    onKeyDown={(event) => event.key === 'Enter' && enter?.()}
    maxLength={500}
  />
);
