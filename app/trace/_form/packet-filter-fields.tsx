'use client';

import { useId } from 'react';
import { PodDatalist } from '../../_components/pod-datalist.tsx';
import { SelectField } from '../../_components/select-field.tsx';
import { TextField } from '../../_components/text-field.tsx';
import { traceText } from '../text.ts';
import { type PacketFilterProblems, type PacketFilterValues, traceProtocols } from './trace-form.ts';

interface PacketFieldsProps {
  form: PacketFilterValues;
  change: (change: Partial<PacketFilterValues>) => void;
  problems: PacketFilterProblems;
  disabled?: boolean;
}

/** Form fields that traces and captures share: packet filter and limits. */
export function PacketFilterFields({ form, change, problems, disabled = false }: PacketFieldsProps) {
  const list = useId();
  const bound = (key: keyof PacketFilterValues) => ({
    problem: problems[key],
    value: form[key],
    disabled,
    change: (value: string) => change({ [key]: value }),
  });
  const text = (
    key: keyof PacketFilterValues,
    label: string,
    placeholder: string,
    more: { list?: string } = {},
  ) => <TextField {...bound(key)} {...more} label={label} placeholder={placeholder} spellCheck={false} />;
  return (
    <>
      <PodDatalist id={list} />
      {text('pod', traceText.pod, 'namespace.name', { list })}
      {text('address', traceText.address, 'any')}
      <div className="grid grid-cols-3 gap-3">
        <SelectField
          {...bound('protocol')}
          label={traceText.protocol}
          options={[['', 'any'], ...traceProtocols.map((name) => [name, name] as const)]}
        />
        {text('port', traceText.port, 'any')}
        <SelectField
          {...bound('family')}
          label={traceText.family}
          options={[
            ['', 'both'],
            ['4', 'IPv4'],
            ['6', 'IPv6'],
          ]}
        />
      </div>
      <div className="grid grid-cols-2 gap-3">
        {text('packets', traceText.maxPackets, '100')}
        {text('seconds', traceText.durationSeconds, '30')}
      </div>
    </>
  );
}
