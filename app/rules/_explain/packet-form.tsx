'use client';

import { ArrowDownUp } from 'lucide-react';
import { type FormEvent, useId } from 'react';
import { Button } from '../../_components/button.tsx';
import { PodOptions } from '../../_components/pod-options.tsx';
import { TextField } from '../../_components/text-field.tsx';
import { useDraftRules } from '../../_lib/rule-queries.ts';
import { type PacketQuery, hasPorts, hasTypes, type PacketQueryProblems, protocols } from './packet-query.ts';

interface PacketFormProps {
  form: PacketQuery;
  change: (change: Partial<PacketQuery>) => void;
  problems: PacketQueryProblems;
  ask: () => void;
  asking: boolean;
}

/** A packet in five fields. */
export function PacketForm({ form, change, problems, ask, asking }: PacketFormProps) {
  const { data: draft } = useDraftRules();
  const list = useId();
  const numbered = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    ask();
  };
  const text = (key: keyof PacketQuery, label: string, placeholder: string, more: { list?: string } = {}) => (
    <TextField
      {...more}
      label={label}
      problem={problems[key]}
      value={form[key]}
      change={(value) => change({ [key]: value })}
      placeholder={placeholder}
      spellCheck={false}
    />
  );
  return (
    <form onSubmit={submit} noValidate className="grid content-start gap-3">
      <PodOptions id={list} />
      <datalist id={numbered}>
        {protocols.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {text('source', 'From', 'address, or pod: namespace.name', { list })}
      <div className="-my-1 flex justify-center">
        <Button
          look="quiet"
          size="small"
          onClick={() => change({ source: form.destination, destination: form.source })}
        >
          <ArrowDownUp aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
          Swap
        </Button>
      </div>
      {text('destination', 'To', 'address, or pod: namespace.name', { list })}
      <div className="grid grid-cols-2 gap-3">
        {text('protocol', 'Protocol', 'tcp', { list: numbered })}
        {hasPorts(form.protocol) && text('port', 'Destination port', '443')}
        {hasTypes(form.protocol) && (
          <div className="grid grid-cols-2 gap-3">
            {text('type', 'Type', '8')}
            {text('code', 'Code', '0')}
          </div>
        )}
      </div>
      <fieldset className="flex flex-wrap gap-x-4 gap-y-1">
        <legend className="sr-only">By which rules</legend>
        {(['active', 'draft'] as const).map((set) => (
          <label
            key={set}
            className={`flex min-h-(--control) items-center gap-2 ${set === 'draft' && draft == null ? 'text-muted' : ''}`}
          >
            <input
              type="radio"
              name="set"
              checked={form.set === set}
              disabled={set === 'draft' && draft == null && form.set !== 'draft'}
              onChange={() => change({ set })}
              className="size-4 accent-accent"
            />
            {set === 'active' ? 'rules in force' : draft == null ? 'draft (none)' : 'draft'}
          </label>
        ))}
      </fieldset>
      <div>
        <Button type="submit" look="primary" disabled={asking}>
          Explain
        </Button>
      </div>
    </form>
  );
}
