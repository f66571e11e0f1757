import { useId } from 'react';
import { formatByteSize } from '../_lib/format.ts';

interface Props {
  label: string;
  /** File name extension that the browser's file picker offers, e.g. `.o`. */
  accept: string;
  file: File | null;
  choose: (file: File | null) => void;
  hint?: string;
  disabled?: boolean;
}

/** Lets the user choose a local file, and shows the file's size. */
export function FileField({ label, accept, file, choose, hint, disabled = false }: Props) {
  const id = useId();
  return (
    <div className="grid min-w-0 gap-1">
      <label htmlFor={id} className="text-12 text-muted">
        {label}
      </label>
      <input
        id={id}
        type="file"
        accept={accept}
        disabled={disabled}
        aria-describedby={`${id}-said`}
        onChange={(event) => choose(event.target.files?.[0] ?? null)}
        className="min-w-0 max-w-full text-12 text-ink-2 file:mr-2.5 file:h-(--control) file:cursor-pointer file:rounded-2 file:border file:border-line-control file:border-solid file:bg-surface-1 file:px-2.5 file:text-ink-1 disabled:text-muted disabled:file:cursor-not-allowed disabled:file:border-line-2 disabled:file:text-muted"
      />
      <p id={`${id}-said`} className="text-12 text-muted tabular-nums">
        {file === null ? hint : formatByteSize(file.size)}
      </p>
    </div>
  );
}
