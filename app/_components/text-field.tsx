import type { ComponentProps } from 'react';
import { FormField, formInputClasses } from './form-field.tsx';

interface TextFieldProps
  extends Pick<
    ComponentProps<'input'>,
    'placeholder' | 'list' | 'maxLength' | 'disabled' | 'spellCheck' | 'onKeyDown'
  > {
  label: string;
  hint?: string;
  problem?: string | undefined;
  value: string;
  change: (value: string) => void;
}

/** Renders a single-line text field without autofill. */
export const TextField = ({ label, hint, problem, change, ...input }: TextFieldProps) => (
  <FormField label={label} hint={hint} problem={problem}>
    {(tied) => (
      <input
        {...tied}
        {...input}
        onChange={(event) => change(event.target.value)}
        autoComplete="off"
        className={`${formInputClasses} w-full`}
      />
    )}
  </FormField>
);
