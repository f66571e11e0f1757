import type { ImportedRules } from '../../../contract/rules.ts';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { ApiError } from '../../_lib/api.ts';
import { RuleChangesSection } from './rule-changes.tsx';
import { editorText } from './text.ts';

/** Shows what applying imported rules would change in the active ones. */
export function ImportEffect({ imported, merge }: { imported: ImportedRules; merge: boolean }) {
  const { active, changes, warnings } = imported;
  return (
    <div role="status">
      {active !== null && (
        <p className="pb-2 text-12 text-ink-2">
          {merge
            ? editorText.importMerges(active.name, active.version)
            : editorText.importReplacesActive(active.name, active.version, active.rules)}
        </p>
      )}
      <RuleChangesSection changes={changes} />
      {warnings.length > 0 && (
        <ul aria-label={editorText.warnings} className="mt-2 max-h-40 overflow-y-auto text-12">
          {warnings.map(({ line, rule, message }) => (
            <ImportLine key={`${line} ${rule} ${message}`} line={line} text={`${rule}: ${message}`} />
          ))}
        </ul>
      )}
    </div>
  );
}

/** Shows why a text cannot be imported, by line. */
export function ImportErrors({ error }: { error: Error }) {
  const errors = error instanceof ApiError ? error.errors : [];
  return (
    <div role="alert" className="text-12 text-ink-2">
      <p className="flex items-start gap-1.5">
        <WarningIcon className="mt-px size-3.5" />
        {errors.length === 0 ? error.message : editorText.importFailed}
      </p>
      <ul className="mt-1 max-h-40 overflow-y-auto">
        {errors.map(({ line, path, message }) => (
          <ImportLine
            key={`${line} ${path} ${message}`}
            line={line}
            text={path === '' ? message : `${path}: ${message}`}
          />
        ))}
      </ul>
    </div>
  );
}

const ImportLine = ({ line, text }: { line: number | undefined; text: string }) => (
  <li className="flex gap-2 py-0.5">
    <span className="w-14 flex-none text-muted tabular-nums">
      {line !== undefined && editorText.line(line)}
    </span>
    <span className="min-w-0 break-words">{text}</span>
  </li>
);
