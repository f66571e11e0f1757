'use client';

import { useEffect, useRef, useState } from 'react';
import type { Build, DatapathBuildList } from '../../../contract/build.ts';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { ErrorNotice } from '../../_components/error-notice.tsx';
import { SideSheet } from '../../_components/side-sheet.tsx';
import { sharedText } from '../../_text/shared.ts';
import { useActivateBuild } from './build-queries.ts';
import { ActivationProgressBar } from './last-activation.tsx';
import { shortenBuildId } from './short-build-id.ts';
import { buildsText } from './text.ts';

const steps = [
  [buildsText.checkStep, buildsText.checkDetail],
  [buildsText.loadStep, buildsText.loadDetail],
  [buildsText.replaceStep, buildsText.replaceDetail],
  [sharedText.save, buildsText.keepDetail],
] as const;

interface Props {
  build: Build;
  builds: DatapathBuildList;
  close: () => void;
}

/** Sheet that activates a datapath build: steps, equivalent command and progress. */
export function ActivateBuildSheet({ build, builds, close }: Props) {
  const { mutate, isPending, isSuccess, data, error } = useActivateBuild();
  const confirm = useRef<HTMLButtonElement>(null);
  useEffect(() => confirm.current?.focus(), []);
  const [previous] = useState(() => builds.items.find(({ active }) => active)?.sha256 ?? '');
  // While the call is pending, the list of builds reports the progress.
  const known = builds.activation;
  const shown =
    data ?? (isPending && known?.build === build.sha256 && known.state === 'running' ? known : null);
  const command = `curl --unix-socket /run/podlane/agent.sock -X POST http://localhost/api/v1/builds/${build.sha256}/activation`;
  return (
    <SideSheet
      open
      onOpenChange={(open) => !open && close()}
      title={isSuccess ? buildsText.activated : buildsText.activateTitle(shortenBuildId(build.sha256))}
      description={buildsText.activateDescription}
      footer={
        isSuccess ? (
          <>
            <span className="flex-1" />
            <Button look="primary" size="large" onClick={close}>
              {sharedText.close}
            </Button>
          </>
        ) : (
          <>
            <p className="text-12 text-muted" role="status">
              {isPending ? buildsText.activating : buildsText.activateRollback}
            </p>
            <span className="flex-1" />
            <Button size="large" onClick={close}>
              {isPending ? sharedText.close : sharedText.cancel}
            </Button>
            <Button
              ref={confirm}
              look="primary"
              size="large"
              aria-disabled={isPending}
              onClick={() => !isPending && mutate(build.sha256)}
            >
              {isPending
                ? buildsText.activatingButton
                : error === null
                  ? buildsText.activate
                  : sharedText.tryAgain}
            </Button>
          </>
        )
      }
    >
      <div className="grid gap-5 px-6 py-4 max-md:px-4">
        <dl className="grid grid-cols-[104px_minmax(0,1fr)] gap-y-1">
          <dt className="text-muted">{isSuccess ? buildsText.previousBuild : buildsText.runningBuild}</dt>
          <dd className="code break-all">{previous}</dd>
          <dt className="text-muted">{isSuccess ? buildsText.runningBuild : buildsText.newBuild}</dt>
          <dd className="code break-all">{build.sha256}</dd>
          <dt className="text-muted">{buildsText.signedBy}</dt>
          <dd>{build.installed ? buildsText.unsigned : build.signer}</dd>
        </dl>
        {shown !== null && <ActivationProgressBar activation={shown} />}
        {error !== null && <ErrorNotice error={error} title={buildsText.activateFailed} />}
        {!isSuccess && (
          <>
            <ol className="border-line-2 border-t">
              {steps.map(([title, words], index) => (
                <li
                  key={title}
                  className="grid grid-cols-[16px_72px_minmax(0,1fr)] gap-x-2.5 border-line-1 border-b py-1.5"
                >
                  <span className="text-right text-12 text-muted leading-5 tabular-nums">{index + 1}</span>
                  <span className="font-semibold">{title}</span>
                  <span className="text-ink-2">{words}</span>
                </li>
              ))}
            </ol>
            <div className="flex items-start gap-2">
              <code className="code min-w-0 flex-1 text-ink-2 [overflow-wrap:anywhere]">{command}</code>
              <CopyButton text={command} what={sharedText.copyCommand} className="-my-1" />
            </div>
          </>
        )}
      </div>
    </SideSheet>
  );
}
