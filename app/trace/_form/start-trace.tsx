'use client';

import { useRouter, useSearchParams } from 'next/navigation';
import { type FormEvent, useEffect, useState } from 'react';
import { Button } from '../../_components/button.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { ApiError } from '../../_lib/api.ts';
import { useMissingRoleReason } from '../../_lib/session-queries.ts';
import { traceText } from '../text.ts';
import { useStartTrace } from '../trace-queries.ts';
import { PacketFilterFields } from './packet-filter-fields.tsx';
import {
  emptyPacketFilter,
  type PacketFilterValues,
  parsePacketFilter,
  validatePacketFilter,
} from './trace-form.ts';
import { TraceList } from './trace-list.tsx';

const most = { packets: 1000, seconds: 60 };

/** Page that starts a trace and lists recent ones. */
export function StartTracePage() {
  const search = useSearchParams();
  const router = useRouter();
  const linked = search.toString();
  const [form, setForm] = useState<PacketFilterValues>(() => parsePacketFilter(search, emptyPacketFilter));
  useEffect(() => setForm(parsePacketFilter(new URLSearchParams(linked), emptyPacketFilter)), [linked]);
  const [tried, setTried] = useState(false);
  const start = useStartTrace();
  const missingRole = useMissingRoleReason('operator');
  const read = validatePacketFilter(form, most);
  const problems = tried && 'problems' in read ? read.problems : {};
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if ('wanted' in read) start.mutate(read.wanted, { onSuccess: ({ id }) => router.push(`/trace/${id}`) });
  };
  return (
    <div className="grid gap-x-10 gap-y-8 px-(--gutter) py-4 pb-12 lg:grid-cols-[360px_minmax(0,1fr)]">
      <section aria-labelledby="new-trace">
        <h1 id="new-trace" className="font-semibold text-20 tracking-[-.014em]">
          {traceText.trace}
        </h1>
        <p className="mt-1 text-12 text-muted">{traceText.traceIntro}</p>
        <form onSubmit={submit} noValidate className="mt-4 grid gap-3">
          <PacketFilterFields
            form={form}
            change={(change) => setForm({ ...form, ...change })}
            problems={problems}
          />
          <div className="mt-1 flex flex-wrap items-center gap-3">
            <Button type="submit" look="primary" disabled={start.isPending || missingRole !== null}>
              {traceText.startTrace}
            </Button>
            {missingRole !== null && <span className="text-12 text-ink-2">{missingRole}</span>}
          </div>
          {start.error !== null && (
            <p role="alert" className="flex items-start gap-1.5 text-12 text-ink-2">
              <WarningIcon className="mt-px size-3.5" />
              <span>
                {start.error.message} {start.error instanceof ApiError && start.error.hint}
              </span>
            </p>
          )}
        </form>
      </section>
      <TraceList />
    </div>
  );
}
