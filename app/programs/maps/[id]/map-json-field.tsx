import { useId } from 'react';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { bpfMapsText } from '../text.ts';

export type ParsedJson = { ok: true; value: unknown } | { ok: false; problem: string };

/** Parses JSON typed by the user. Integers beyond 2^53 lose digits unless they are written as strings. */
export function parseJson(text: string): ParsedJson {
  if (text.trim() === '') return { ok: false, problem: '' };
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) };
  }
}

interface Props {
  label: string;
  /** C declaration of the type of the map key or value. */
  type: string | undefined;
  text: string;
  change: (text: string) => void;
  read: ParsedJson;
}

/** Renders a text field for a map key or value written as JSON, with its C type below. */
export function BpfMapJsonField({ label, type, text, change, read }: Props) {
  const id = useId();
  const problem = read.ok ? '' : read.problem;
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="font-semibold">
        {bpfMapsText.asJson(label)}
      </label>
      <textarea
        id={id}
        value={text}
        onChange={(event) => change(event.target.value)}
        spellCheck={false}
        rows={Math.min(20, Math.max(3, text.split('\n').length))}
        aria-invalid={problem !== ''}
        aria-describedby={`${id}-note`}
        className="mt-1 block w-full resize-y rounded-2 border border-line-control bg-surface-0 p-2 font-mono text-[12px] leading-[18px] aria-invalid:border-signal"
      />
      <div id={`${id}-note`} className="mt-1 text-12 text-muted">
        {problem !== '' ? (
          <span className="flex items-center gap-1.5 text-signal-text">
            <WarningIcon /> {problem}
          </span>
        ) : (
          type !== undefined && <pre className="code whitespace-pre-wrap leading-[18px]">{type}</pre>
        )}
      </div>
    </div>
  );
}
