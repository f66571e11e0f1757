import { FormField, formInputClasses } from './form-field.tsx';

interface SelectFieldProps {
  label: string;
  problem?: string | undefined;
  value: string;
  change: (value: string) => void;
  options: readonly (readonly [value: string, words: string])[];
  disabled?: boolean;
}

/** Renders a drop-down list with its label. */
export const SelectField = ({ label, problem, value, change, options, disabled }: SelectFieldProps) => (
  <FormField label={label} problem={problem}>
    {(tied) => (
      <select
        {...tied}
        value={value}
        onChange={(event) => change(event.target.value)}
        disabled={disabled}
        className={`${formInputClasses} w-full`}
      >
        {options.map(([option, words]) => (
          <option key={option} value={option}>
            {words}
          </option>
        ))}
      </select>
    )}
  </FormField>
);
