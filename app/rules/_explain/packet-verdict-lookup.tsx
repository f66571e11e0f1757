'use client';

import { useRouter, useSearchParams } from 'next/navigation';
import { useEffect, useState } from 'react';
import { ErrorState } from '../../_components/error-state.tsx';
import { ValueSkeleton } from '../../_components/skeleton.tsx';
import { usePolicyLookup } from '../../_lib/rule-queries.ts';
import { rulesText } from '../text.ts';
import { PolicyExplanation } from './explanation-view.tsx';
import {
  buildPolicyLookupQuery,
  type PolicyLookupFields,
  parsePolicyLookupFields,
  validatePolicyLookup,
} from './policy-lookup-fields.ts';
import { PolicyLookupForm } from './policy-lookup-form.tsx';

/** Page that looks up the verdict on a packet: deciding rule, map lookups and shadowed rules. */
export function PacketVerdictLookup() {
  const search = useSearchParams();
  const router = useRouter();
  const [form, setForm] = useState<PolicyLookupFields>(() => parsePolicyLookupFields(search));
  const [tried, setTried] = useState(search.has('source'));
  const linked = search.toString();
  useEffect(() => setForm(parsePolicyLookupFields(new URLSearchParams(linked))), [linked]);
  // The URL holds the query that was submitted; the form may differ from it.
  const submitted = validatePolicyLookup(parsePolicyLookupFields(search));
  const request = search.has('source') && 'request' in submitted ? submitted.request : null;
  const { data, error, refetch, isFetching } = usePolicyLookup(request);
  const validated = validatePolicyLookup(form);
  const lookUp = () => {
    setTried(true);
    if ('problems' in validated) return;
    const next = buildPolicyLookupQuery(form);
    if (next === linked) void refetch();
    else router.push(`/rules/explain?${next}`, { scroll: false });
  };
  return (
    <div className="grid gap-6 px-(--gutter) py-4 pb-12 xl:grid-cols-[320px_minmax(0,1fr)]">
      <PolicyLookupForm
        form={form}
        change={(change) => setForm({ ...form, ...change })}
        problems={tried && 'problems' in validated ? validated.problems : {}}
        submit={lookUp}
        pending={isFetching}
      />
      <section
        aria-label={rulesText.lookupResult}
        aria-live="polite"
        aria-busy={isFetching}
        className="min-w-0"
      >
        {request === null ? (
          <p className="text-ink-2">{rulesText.lookupIntro}</p>
        ) : error !== null ? (
          <ErrorState error={error} retry={() => void refetch()} />
        ) : data === undefined ? (
          <div className="grid gap-3 py-2">
            <ValueSkeleton className="w-64" />
            <ValueSkeleton className="w-96" />
            <ValueSkeleton className="w-80" />
          </div>
        ) : (
          <PolicyExplanation explanation={data} query={linked} />
        )}
      </section>
    </div>
  );
}
