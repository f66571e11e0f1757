'use client';

import { useId } from 'react';
import { Field, inputLook } from '../../_components/field.tsx';
import { podName } from '../../_lib/packet-words.ts';
import { plainAddress, usePods } from '../../_lib/pods.ts';
import { type Form, type Problems, protocols } from './form.ts';

interface PacketFieldsProps {
  form: Form;
  change: (change: Partial<Form>) => void;
  problems: Problems;
  disabled?: boolean;
}

/** Which packets, and how many of them at most: what a trace and a capture ask alike. */
export function PacketFields({ form, change, problems, disabled = false }: PacketFieldsProps) {
  const pods = usePods().data ?? [];
  const list = useId();
  const text = (key: keyof Form, label: string, placeholder: string, more: { list?: string } = {}) => (
    <Field label={label} problem={problems[key]}>
      {(tied) => (
        <input
          {...tied}
          {...more}
          value={form[key]}
          onChange={(event) => change({ [key]: event.target.value })}
          placeholder={placeholder}
          disabled={disabled}
          autoComplete="off"
          spellCheck={false}
          className={`${inputLook} w-full`}
        />
      )}
    </Field>
  );
  const choice = (key: 'protocol' | 'family', label: string, options: readonly [string, string][]) => (
    <Field label={label} problem={problems[key]}>
      {(tied) => (
        <select
          {...tied}
          value={form[key]}
          onChange={(event) => change({ [key]: event.target.value })}
          disabled={disabled}
          className={`${inputLook} w-full`}
        >
          {options.map(([value, word]) => (
            <option key={value} value={value}>
              {word}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
  return (
    <>
      <datalist id={list}>
        {pods.map((pod) => (
          <option key={pod.id} value={podName(pod)} label={plainAddress(pod.addresses[0])} />
        ))}
      </datalist>
      {text('pod', 'Pod', 'namespace.name', { list })}
      {text('address', 'Address at either end', 'any')}
      <div className="grid grid-cols-3 gap-3">
        {choice('protocol', 'Protocol', [
          ['', 'any'],
          ...protocols.map((name): [string, string] => [name, name]),
        ])}
        {text('port', 'Port', 'any')}
        {choice('family', 'Family', [
          ['', 'both'],
          ['4', 'IPv4'],
          ['6', 'IPv6'],
        ])}
      </div>
      <div className="grid grid-cols-2 gap-3">
        {text('packets', 'Packets at most', '100')}
        {text('seconds', 'Seconds at most', '30')}
      </div>
    </>
  );
}
