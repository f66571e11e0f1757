'use client';

import { ArrowDownUp } from 'lucide-react';
import { type FormEvent, useId } from 'react';
import { Button } from '../../_components/button.tsx';
import { PodDatalist } from '../../_components/pod-datalist.tsx';
import { TextField } from '../../_components/text-field.tsx';
import { useStagedRules } from '../../_lib/rule-queries.ts';
import { rulesText } from '../text.ts';
import {
  type PolicyLookupFields,
  type PolicyLookupProblems,
  policyLookupProtocols,
  protocolHasIcmpTypes,
  protocolHasPorts,
} from './policy-lookup-fields.ts';

interface PacketFormProps {
  form: PolicyLookupFields;
  change: (change: Partial<PolicyLookupFields>) => void;
  problems: PolicyLookupProblems;
  submit: () => void;
  pending: boolean;
}

/** Form for the packet of a policy lookup. */
export function PolicyLookupForm({ form, change, problems, submit, pending }: PacketFormProps) {
  const { data: staged } = useStagedRules();
  const list = useId();
  const protocolList = useId();
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    submit();
  };
  const text = (
    key: keyof PolicyLookupFields,
    label: string,
    placeholder: string,
    more: { list?: string } = {},
  ) => (
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
    <form onSubmit={onSubmit} noValidate className="grid content-start gap-3">
      <PodDatalist id={list} />
      <datalist id={protocolList}>
        {policyLookupProtocols.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {text('source', rulesText.source, rulesText.endpointHint, { list })}
      <div className="-my-1 flex justify-center">
        <Button
          look="quiet"
          size="small"
          onClick={() => change({ source: form.destination, destination: form.source })}
        >
          <ArrowDownUp aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
          {rulesText.swap}
        </Button>
      </div>
      {text('destination', rulesText.destination, rulesText.endpointHint, { list })}
      <div className="grid grid-cols-2 gap-3">
        {text('protocol', rulesText.protocolField, 'tcp', { list: protocolList })}
        {protocolHasPorts(form.protocol) && text('port', rulesText.destinationPort, '443')}
        {protocolHasIcmpTypes(form.protocol) && (
          <div className="grid grid-cols-2 gap-3">
            {text('type', rulesText.icmpType, '8')}
            {text('code', rulesText.icmpCode, '0')}
          </div>
        )}
      </div>
      <fieldset className="flex flex-wrap gap-x-4 gap-y-1">
        <legend className="sr-only">{rulesText.ruleSetChoice}</legend>
        {(['active', 'staged'] as const).map((set) => (
          <label
            key={set}
            className={`flex min-h-(--control) items-center gap-2 ${set === 'staged' && staged == null ? 'text-muted' : ''}`}
          >
            <input
              type="radio"
              name="set"
              checked={form.set === set}
              disabled={set === 'staged' && staged == null && form.set !== 'staged'}
              onChange={() => change({ set })}
              className="size-4 accent-accent"
            />
            {set === 'active' ? rulesText.activeRules : staged == null ? rulesText.noStagedChoice : 'staged'}
          </label>
        ))}
      </fieldset>
      <div>
        <Button type="submit" look="primary" disabled={pending}>
          {rulesText.lookUp}
        </Button>
      </div>
    </form>
  );
}
