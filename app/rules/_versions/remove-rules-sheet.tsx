'use client';

import { useState } from 'react';
import { Button } from '../../_components/button.tsx';
import { Sheet } from '../../_components/sheet.tsx';
import { notify } from '../../_components/toast.tsx';
import { count } from '../../_lib/format.ts';
import { useActiveRules, useRemoveRules } from '../../_lib/rule-queries.ts';
import { useMissingRole } from '../../_lib/session-queries.ts';
import { ChangeError } from '../_components/change-error.tsx';

/** Ends all rules, after a second look. */
export function RemoveRulesSheet() {
  const { data: active } = useActiveRules();
  const lacks = useMissingRole('operator');
  const [open, setOpen] = useState(false);
  const remove = useRemoveRules();
  if (active?.rules == null) return null;
  const close = () => {
    setOpen(false);
    remove.reset();
  };
  const go = () =>
    remove.mutate(
      { etag: active.etag },
      {
        onSuccess: () => {
          notify({ title: 'No rules are in force', detail: 'All packets pass.', tone: 'done' });
          close();
        },
      },
    );
  return (
    <div className="flex min-h-11 flex-wrap items-center gap-3 border-line-1 border-b px-(--gutter) py-1">
      <p className="min-w-0 flex-1 text-12 text-ink-2">
        {lacks ??
          'Each change of the rules is kept, with who made it and why. Any of them can be put in force again.'}
      </p>
      <Button look="destructive" disabled={lacks !== null} onClick={() => setOpen(true)}>
        Take the rules away…
      </Button>
      <Sheet
        open={open}
        onOpenChange={(next) => !next && close()}
        title="Take the rules away"
        description="All packets pass from then on. The rules stay among the versions."
        footer={
          <>
            <ChangeError error={remove.error} conflict="The rules were changed meanwhile." />
            <Button onClick={close}>Cancel</Button>
            <Button look="destructive" disabled={remove.isPending} onClick={go}>
              Take them away
            </Button>
          </>
        }
      >
        <div className="grid gap-2 p-6 max-md:p-4">
          <p>
            {count(active.rules.rules.length)} rules of {active.rules.name} stop holding: all packets pass,
            and none is asked about.
          </p>
          <p className="text-ink-2">They stay among the versions, and can be put in force again.</p>
        </div>
      </Sheet>
    </div>
  );
}
