'use client';

import { type ReactNode, useState } from 'react';
import type { Place } from '../../../../contract/build.ts';
import type { Hook } from '../../../../contract/device.ts';
import { maxObjectBytes } from '../../../../contract/limits.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { Button } from '../../../_components/button.tsx';
import { ErrorNotice } from '../../../_components/error-notice.tsx';
import { Field, inputLook } from '../../../_components/field.tsx';
import { FileField } from '../../../_components/file-field.tsx';
import { Sheet } from '../../../_components/sheet.tsx';
import { notify } from '../../../_components/toast.tsx';
import { fileToBase64 } from '../../../_lib/file-encoding.ts';
import { hookDirection } from '../_path/hook-direction.ts';
import { useAttachUserProgram } from './user-program-queries.ts';

/** The hooks of the pod's device that Podlane's programs are on: a user's goes beside them. */
const hooksOf = (pod: Pod): Hook[] => [
  ...new Set((pod.device?.programs ?? []).filter(({ ours }) => ours).map(({ hook }) => hook)),
];

/** Takes an object file and puts a program of it on one of the pod's hooks. */
export function AttachSheet({ pod, close }: { pod: Pod; close: () => void }) {
  const [hooks] = useState(() => hooksOf(pod));
  const [file, choose] = useState<File | null>(null);
  const [hook, setHook] = useState<Hook | undefined>(hooks[0]);
  const [place, setPlace] = useState<Place>('before');
  const [section, setSection] = useState('');
  const [name, setName] = useState('');
  const attach = useAttachUserProgram(pod);
  const reason =
    hook === undefined
      ? 'No program of Podlane’s is on this device: there is nothing to be before or after.'
      : file === null
        ? 'Choose an object file.'
        : file.size > maxObjectBytes
          ? `An object has at most ${maxObjectBytes / 1024} KiB.`
          : null;
  const submit = async () => {
    if (file === null || hook === undefined) return;
    const wanted = {
      object: await fileToBase64(file),
      hook,
      place,
      ...(section.trim() === '' ? {} : { section: section.trim() }),
      ...(name.trim() === '' ? {} : { name: name.trim() }),
    };
    attach.mutate(wanted, {
      onSuccess: (program) => {
        notify({ tone: 'done', title: `${program.name} attached`, detail: `${place} Podlane’s on ${hook}` });
        close();
      },
    });
  };
  return (
    <Sheet
      open
      onOpenChange={(open) => !open && close()}
      title="Attach a program"
      description="A compiled eBPF object, checked by the verifier before anything is changed."
      head={<span className="truncate text-ink-2">{pod.name}</span>}
      footer={
        <>
          <p id="not-attached" className="text-12 text-muted" role="status">
            {attach.isPending ? 'The verifier looks at it.' : reason}
          </p>
          <span className="flex-1" />
          <Button size="large" onClick={close}>
            Cancel
          </Button>
          <Button
            look="primary"
            size="large"
            disabled={reason !== null || attach.isPending}
            aria-describedby="not-attached"
            onClick={() => void submit()}
          >
            {attach.isPending ? 'Attaching' : 'Attach'}
          </Button>
        </>
      }
    >
      <form
        className="grid gap-4 px-6 py-4 max-md:px-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (reason === null && !attach.isPending) void submit();
        }}
      >
        <FileField
          label="Object file"
          accept=".o"
          file={file}
          choose={choose}
          hint="ELF, compiled by clang -target bpf, with a program of SEC(&quot;tc&quot;), tcx/… or netkit/…"
        />
        <fieldset>
          <legend className="text-12 text-muted">Hook</legend>
          {hooks.map((each) => (
            <Choice
              key={each}
              group="hook"
              checked={hook === each}
              choose={() => setHook(each)}
              words={hookDirection(each) === 'egress' ? 'packets that leave the pod' : 'packets to the pod'}
            >
              <span className="code">{each}</span>
            </Choice>
          ))}
        </fieldset>
        <fieldset>
          <legend className="text-12 text-muted">Place</legend>
          <Choice
            group="place"
            checked={place === 'before'}
            choose={() => setPlace('before')}
            words="sees each packet before it is counted and judged"
          >
            before Podlane’s
          </Choice>
          <Choice
            group="place"
            checked={place === 'after'}
            choose={() => setPlace('after')}
            words="runs only on packets Podlane passes; redirected packets never reach it"
          >
            after Podlane’s
          </Choice>
        </fieldset>
        <div className="grid grid-cols-2 gap-4 max-sm:grid-cols-1">
          <Field label="Section or program" hint="may be left out where the object has one program">
            {(tied) => (
              <input
                {...tied}
                value={section}
                onChange={(event) => setSection(event.target.value)}
                placeholder="tc"
                maxLength={64}
                autoComplete="off"
                spellCheck={false}
                className={inputLook}
              />
            )}
          </Field>
          <Field label="Name" hint="for people; by default the program’s">
            {(tied) => (
              <input
                {...tied}
                value={name}
                onChange={(event) => setName(event.target.value)}
                maxLength={63}
                autoComplete="off"
                spellCheck={false}
                className={inputLook}
              />
            )}
          </Field>
        </div>
        <p className="text-12 text-ink-2">
          It goes with the pod, through migrations, and stays when the agent ends. It runs until it is
          detached here or the pod is gone. What it drops is not in Podlane’s counters.
        </p>
        {attach.error !== null && <ErrorNotice error={attach.error} title="The program was not attached" />}
        <button type="submit" className="hidden" aria-hidden="true" tabIndex={-1} />
      </form>
    </Sheet>
  );
}

interface ChoiceProps {
  group: string;
  checked: boolean;
  choose: () => void;
  words: string;
  children: ReactNode;
}

const Choice = ({ group, checked, choose, words, children }: ChoiceProps) => (
  <label className="flex min-h-8 cursor-pointer items-center gap-2 border-line-1 border-b max-md:min-h-9">
    <input
      type="radio"
      name={group}
      checked={checked}
      onChange={choose}
      className="size-3.5 flex-none accent-accent"
    />
    <span className="whitespace-nowrap">{children}</span>
    <span className="text-12 text-muted">{words}</span>
  </label>
);
