'use client';

import { useRouter, useSearchParams } from 'next/navigation';
import { useState } from 'react';
import type { ActiveRules } from '../../../contract/rules.ts';
import { Button } from '../../_components/button.tsx';
import { FormField, formInputClasses } from '../../_components/form-field.tsx';
import { SideSheet } from '../../_components/side-sheet.tsx';
import { showToast } from '../../_components/toast.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { ApiError } from '../../_lib/api.ts';
import { useImportRules } from '../../_lib/rule-queries.ts';
import { sharedText } from '../../_text/shared.ts';
import { editorText } from './text.ts';
import { openRulesWorkingCopy } from './working-copy.ts';

/**
 * Sheet that imports rules into the editor from a file or pasted text: a Podlane rule set or Kubernetes
 * NetworkPolicies. `?import` in the URL opens it.
 */
export function ImportRulesSheet({ dirty, active }: { dirty: boolean; active: ActiveRules | undefined }) {
  const open = useSearchParams().has('import');
  const router = useRouter();
  const [text, setText] = useState('');
  const read = useImportRules();
  if (!open) return null;
  const close = () => {
    read.reset();
    router.replace('/rules/editor', { scroll: false });
  };
  const take = () =>
    read.mutate(text, {
      onSuccess: ({ text: written, source, rules }) => {
        openRulesWorkingCopy({
          text: written,
          opened: '',
          source: 'import',
          version: active?.version ?? 0,
          etag: active?.etag ?? '',
        });
        const what = source === 'rules' ? editorText.ruleSet : editorText.networkPolicies;
        showToast({
          title: editorText.rulesImported(rules.rules.length, what),
          detail: editorText.importedDetail,
          tone: 'done',
        });
        setText('');
        close();
      },
    });
  const errors = read.error instanceof ApiError ? read.error.errors : [];
  return (
    <SideSheet
      open
      onOpenChange={(next) => !next && close()}
      title={editorText.importRules}
      description={editorText.importDescription}
      footer={
        <>
          <p role="status" className="min-w-0 flex-1 text-12 text-ink-2 max-md:basis-full">
            {dirty && editorText.importReplaces}
          </p>
          <Button onClick={close}>{sharedText.cancel}</Button>
          <Button
            look="primary"
            disabled={text.trim() === '' || read.isPending || active === undefined}
            onClick={take}
          >
            {editorText.import}
          </Button>
        </>
      }
    >
      <div className="grid gap-4 p-6 max-md:p-4">
        <FormField label={editorText.importFile}>
          {(tied) => (
            <input
              {...tied}
              type="file"
              accept=".yaml,.yml,.json,application/yaml,text/yaml,application/json"
              onChange={(event) => {
                event.target.files?.[0]
                  ?.text()
                  .then(setText, ({ message }: Error) =>
                    showToast({ title: sharedText.fileUnreadable, detail: message, tone: 'failed' }),
                  );
              }}
              className="min-h-(--control) text-12 text-ink-2 file:mr-3 file:h-(--control) file:rounded-2 file:border file:border-line-2 file:bg-surface-1 file:px-2.5 file:text-13 file:text-ink-1"
            />
          )}
        </FormField>
        <FormField label={editorText.importText} hint={editorText.importHint}>
          {(tied) => (
            <textarea
              {...tied}
              value={text}
              onChange={(event) => setText(event.target.value)}
              spellCheck={false}
              rows={16}
              className={`${formInputClasses} code h-auto! w-full resize-y py-1.5`}
            />
          )}
        </FormField>
        {read.error !== null && (
          <div role="alert" className="text-12 text-ink-2">
            <p className="flex items-start gap-1.5">
              <WarningIcon className="mt-px size-3.5" />
              {errors.length === 0 ? read.error.message : editorText.importFailed}
            </p>
            <ul className="mt-1 max-h-40 overflow-y-auto">
              {errors.map(({ line, path, message }) => (
                <li key={`${line} ${path} ${message}`} className="flex gap-2 py-0.5">
                  <span className="w-14 flex-none text-muted tabular-nums">
                    {line !== undefined && editorText.line(line)}
                  </span>
                  <span className="min-w-0 break-words">
                    {path !== '' && `${path}: `}
                    {message}
                  </span>
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
    </SideSheet>
  );
}
