import type { ReactNode } from 'react';
import type { RuleChanges } from '../../../contract/rules.ts';
import { editorText } from './text.ts';

const shown = 20;
const kinds = [
  { key: 'added', sign: '+', word: 'added' },
  { key: 'removed', sign: '−', word: 'removed' },
  { key: 'changed', sign: '~', word: 'changed' },
] as const;

/** Formats the number of changed rules, e.g. `2 added, 1 changed`. */
export function formatRuleChanges(changes: RuleChanges): string {
  const parts: string[] = kinds
    .filter(({ key }) => changes[key].length > 0)
    .map(({ key, word }) => `${changes[key].length} ${word}`);
  if (changes.defaults) parts.push(editorText.defaultsChanged);
  return parts.length === 0 ? editorText.noChanges : parts.join(', ');
}

/** Lists the names of added, removed and changed rules. */
export function RuleChangeList({ changes }: { changes: RuleChanges }) {
  return (
    <ul className="text-12">
      {changes.defaults && (
        <li className="flex min-h-6 items-center gap-2">
          <span className="code w-3 flex-none text-muted" aria-hidden="true">
            ~
          </span>
          {editorText.defaults}
        </li>
      )}
      {kinds.flatMap(({ key, sign, word }) =>
        changes[key].slice(0, shown).map((name) => (
          <li key={`${key} ${name}`} className="flex min-h-6 items-center gap-2">
            <span className="code w-3 flex-none text-muted" aria-hidden="true">
              {sign}
            </span>
            <span className="min-w-0 truncate font-[550]">{name}</span>
            <span className="text-muted">{word}</span>
          </li>
        )),
      )}
      {kinds.map(
        ({ key, word }) =>
          changes[key].length > shown && (
            <li key={key} className="min-h-6 pl-5 text-muted">
              {editorText.moreChanges(changes[key].length - shown, word)}
            </li>
          ),
      )}
    </ul>
  );
}

/** Renders a section that lists the changed rules under a title with their number. */
export const RuleChangesSection = ({ changes, children }: { changes: RuleChanges; children?: ReactNode }) => (
  <section>
    <h3 className="font-semibold">
      {editorText.changes}{' '}
      <span className="font-normal text-12 text-muted">{formatRuleChanges(changes)}</span>
    </h3>
    <div className="mt-1 border-line-2 border-t pt-1">
      <RuleChangeList changes={changes} />
      {children}
    </div>
  </section>
);
