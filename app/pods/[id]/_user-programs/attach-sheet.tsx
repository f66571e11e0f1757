'use client';

import { type ReactNode, useState } from 'react';
import type { UserProgramOrder } from '../../../../contract/build.ts';
import type { Hook } from '../../../../contract/device.ts';
import { maxObjectFileSize } from '../../../../contract/limits.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { Button } from '../../../_components/button.tsx';
import { ErrorNotice } from '../../../_components/error-notice.tsx';
import { FileField } from '../../../_components/file-field.tsx';
import { FormField, formInputClasses } from '../../../_components/form-field.tsx';
import { SideSheet } from '../../../_components/side-sheet.tsx';
import { showToast } from '../../../_components/toast.tsx';
import { fileToBase64 } from '../../../_lib/file-encoding.ts';
import { getHookDirection } from '../_path/hook-direction.ts';
import {
  directionDescriptions,
  formatMaxObjectSizeReason,
  formatProgramAttachedDetail,
  formatProgramAttachedTitle,
  formatProgramOrder,
  programOrderDescriptions,
  userProgramsText,
} from './text.ts';
import { useAttachUserProgram } from './user-program-queries.ts';

/** Returns the hooks of the pod's device that Podlane's programs are attached to. */
const hooksOf = (pod: Pod): Hook[] => [
  ...new Set((pod.device?.programs ?? []).filter(({ ours }) => ours).map(({ hook }) => hook)),
];

/** Form that attaches a program from an object file to one of the pod's hooks. */
export function AttachUserProgramSheet({ pod, close }: { pod: Pod; close: () => void }) {
  const [hooks] = useState(() => hooksOf(pod));
  const [file, choose] = useState<File | null>(null);
  const [hook, setHook] = useState<Hook | undefined>(hooks[0]);
  const [place, setPlace] = useState<UserProgramOrder>('before');
  const [section, setSection] = useState('');
  const [name, setName] = useState('');
  const attach = useAttachUserProgram(pod);
  const reason =
    hook === undefined
      ? userProgramsText.nothingToOrderAgainst
      : file === null
        ? userProgramsText.chooseFile
        : file.size > maxObjectFileSize
          ? formatMaxObjectSizeReason(maxObjectFileSize)
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
        showToast({
          tone: 'done',
          title: formatProgramAttachedTitle(program.name),
          detail: formatProgramAttachedDetail(place, hook),
        });
        close();
      },
    });
  };
  return (
    <SideSheet
      open
      onOpenChange={(open) => !open && close()}
      title={userProgramsText.sheetTitle}
      description={userProgramsText.sheetDescription}
      head={<span className="truncate text-ink-2">{pod.name}</span>}
      footer={
        <>
          <p id="not-attached" className="text-12 text-muted" role="status">
            {attach.isPending ? userProgramsText.verifying : reason}
          </p>
          <span className="flex-1" />
          <Button size="large" onClick={close}>
            {userProgramsText.cancel}
          </Button>
          <Button
            look="primary"
            size="large"
            disabled={reason !== null || attach.isPending}
            aria-describedby="not-attached"
            onClick={() => void submit()}
          >
            {attach.isPending ? userProgramsText.attaching : userProgramsText.attachNow}
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
          label={userProgramsText.objectFile}
          accept=".o"
          file={file}
          choose={choose}
          hint={userProgramsText.objectHint}
        />
        <fieldset>
          <legend className="text-12 text-muted">{userProgramsText.hook}</legend>
          {hooks.map((each) => (
            <Choice
              key={each}
              group="hook"
              checked={hook === each}
              choose={() => setHook(each)}
              detail={directionDescriptions[getHookDirection(each)]}
            >
              <span className="code">{each}</span>
            </Choice>
          ))}
        </fieldset>
        <fieldset>
          <legend className="text-12 text-muted">{userProgramsText.place}</legend>
          <Choice
            group="place"
            checked={place === 'before'}
            choose={() => setPlace('before')}
            detail={programOrderDescriptions.before}
          >
            {formatProgramOrder('before')}
          </Choice>
          <Choice
            group="place"
            checked={place === 'after'}
            choose={() => setPlace('after')}
            detail={programOrderDescriptions.after}
          >
            {formatProgramOrder('after')}
          </Choice>
        </fieldset>
        <div className="grid grid-cols-2 gap-4 max-sm:grid-cols-1">
          <FormField label={userProgramsText.section} hint={userProgramsText.sectionHint}>
            {(tied) => (
              <input
                {...tied}
                value={section}
                onChange={(event) => setSection(event.target.value)}
                placeholder="tc"
                maxLength={64}
                autoComplete="off"
                spellCheck={false}
                className={formInputClasses}
              />
            )}
          </FormField>
          <FormField label={userProgramsText.name} hint={userProgramsText.nameHint}>
            {(tied) => (
              <input
                {...tied}
                value={name}
                onChange={(event) => setName(event.target.value)}
                maxLength={63}
                autoComplete="off"
                spellCheck={false}
                className={formInputClasses}
              />
            )}
          </FormField>
        </div>
        <p className="text-12 text-ink-2">{userProgramsText.lifetime}</p>
        {attach.error !== null && <ErrorNotice error={attach.error} title={userProgramsText.refused} />}
        <button type="submit" className="hidden" aria-hidden="true" tabIndex={-1} />
      </form>
    </SideSheet>
  );
}

interface ChoiceProps {
  group: string;
  checked: boolean;
  choose: () => void;
  detail: string;
  children: ReactNode;
}

const Choice = ({ group, checked, choose, detail, children }: ChoiceProps) => (
  <label className="flex min-h-8 cursor-pointer items-center gap-2 border-line-1 border-b max-md:min-h-9">
    <input
      type="radio"
      name={group}
      checked={checked}
      onChange={choose}
      className="size-3.5 flex-none accent-accent"
    />
    <span className="whitespace-nowrap">{children}</span>
    <span className="text-12 text-muted">{detail}</span>
  </label>
);
