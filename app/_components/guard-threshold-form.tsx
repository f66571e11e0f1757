'use client';

import { type FormEvent, useId, useState } from 'react';
import type { GuardThresholdOverrides, GuardThresholds } from '../../contract/guard.ts';
import {
  formatGuardThreshold,
  type GuardField,
  type GuardFieldTexts,
  guardFieldGroups,
  parseGuardFields,
  toGuardFieldTexts,
} from '../_lib/guard-fields.ts';
import { useMissingRoleReason } from '../_lib/session-queries.ts';
import { sharedText } from '../_text/shared.ts';
import { Button } from './button.tsx';
import { WarningIcon } from './warning-icon.tsx';

interface Props {
  chosen: GuardThresholdOverrides | null;
  /** Thresholds that apply where a field is empty. `from` says whether they are the node's or the defaults. */
  inherited: GuardThresholds;
  from: string;
  save: (choice: GuardThresholdOverrides) => void;
  saving: boolean;
  /** Error of the last attempt to save the thresholds; null if there was none. */
  error: Error | null;
  saved: boolean;
}

const control =
  'h-(--control) rounded-2 border border-line-control bg-surface-1 px-2 text-ink-1 placeholder:text-muted placeholder:opacity-100 aria-invalid:border-signal';

/** Renders the form for the guard's thresholds. An empty field inherits the node's value or the default. */
export function GuardThresholdForm({ chosen, inherited, from, save, saving, error, saved }: Props) {
  const [texts, setTexts] = useState<GuardFieldTexts>(() => toGuardFieldTexts(chosen));
  const [tried, setTried] = useState(false);
  const missingRole = useMissingRoleReason('operator');
  const { choice, problems } = parseGuardFields(texts);
  const refused = Object.keys(problems).length > 0;
  const changed =
    refused || JSON.stringify(choice) !== JSON.stringify(parseGuardFields(toGuardFieldTexts(chosen)).choice);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (!refused) save(choice);
  };
  return (
    <form onSubmit={submit} noValidate className="grid gap-5">
      {guardFieldGroups.map(({ title, description, fields }) => (
        <fieldset key={title} className="min-w-0">
          <legend className="font-semibold">{title}</legend>
          <p className="text-12 text-muted">{description}</p>
          <div className="mt-1 border-line-1 border-t">
            {fields.map((field) => (
              <Row
                key={field.name}
                field={field}
                value={texts[field.name] ?? ''}
                inherited={formatGuardThreshold(field, inherited[field.name])}
                from={from}
                problem={tried ? problems[field.name] : undefined}
                change={(value) => setTexts({ ...texts, [field.name]: value })}
              />
            ))}
          </div>
        </fieldset>
      ))}
      <div className="flex flex-wrap items-center gap-3">
        <Button type="submit" look="primary" disabled={saving || !changed || missingRole !== null}>
          {sharedText.save}
        </Button>
        <Button disabled={Object.keys(texts).length === 0} onClick={() => setTexts({})}>
          {sharedText.clearAll}
        </Button>
        <p role="status" className="flex min-w-0 items-center gap-1.5 text-12 text-ink-2">
          {error !== null ? (
            <>
              <WarningIcon /> {error.message}
            </>
          ) : tried && refused ? (
            sharedText.notSaved
          ) : saved && !changed ? (
            sharedText.guardSaved
          ) : (
            (missingRole ??
            (from === 'default' ? sharedText.emptyIsDefault : sharedText.emptyIsInherited(from)))
          )}
        </p>
      </div>
    </form>
  );
}

interface RowProps {
  field: GuardField;
  value: string;
  inherited: string;
  from: string;
  problem: string | undefined;
  change: (value: string) => void;
}

function Row({ field, value, inherited, from, problem, change }: RowProps) {
  const id = useId();
  const described = problem === undefined ? undefined : `${id}-problem`;
  const isSwitch = inherited === 'on' || inherited === 'off';
  return (
    <div className="grid min-h-9 grid-cols-[minmax(0,1fr)_auto] items-center gap-x-3 border-line-1 border-b py-1">
      <label htmlFor={id}>{field.label}</label>
      <span className="flex items-center gap-2">
        {isSwitch ? (
          <select
            id={id}
            value={value}
            onChange={(event) => change(event.target.value)}
            className={`${control} w-45`}
          >
            <option value="">
              {inherited} ({from})
            </option>
            <option value="on">on</option>
            <option value="off">off</option>
          </select>
        ) : (
          <input
            id={id}
            value={value}
            onChange={(event) => change(event.target.value)}
            placeholder={`${inherited} (${from})`}
            inputMode="decimal"
            autoComplete="off"
            spellCheck={false}
            aria-invalid={problem !== undefined}
            aria-describedby={described}
            className={`${control} w-45 tabular-nums`}
          />
        )}
        <span className="w-6 text-12 text-muted">{field.unit}</span>
      </span>
      {problem !== undefined && (
        <p id={described} className="col-span-2 flex items-center gap-1.5 pt-1 text-12 text-signal-text">
          <WarningIcon /> {problem}
        </p>
      )}
    </div>
  );
}
