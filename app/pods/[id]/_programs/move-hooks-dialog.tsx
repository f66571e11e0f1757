'use client';

import { Dialog } from 'radix-ui';
import { useEffect, useRef, useState } from 'react';
import type { Device } from '../../../../contract/device.ts';
import type { Pod } from '../../../../contract/pod.ts';
import type { HookPlacement } from '../../../../contract/settings.ts';
import { Button, KeyboardKey } from '../../../_components/button.tsx';
import { CopyButton } from '../../../_components/copy-button.tsx';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { ApiError } from '../../../_lib/api.ts';
import { type HookMove, planHookMove } from './hook-move-steps.ts';
import {
  formatCopyStepCommandsLabel,
  formatHookMoveDescription,
  formatMoveHooksLabel,
  podProgramsText,
} from './text.ts';
import { useSetHookPlacement } from './use-set-hook-placement.ts';

interface Props {
  pod: Pod;
  device: Device;
  to: HookPlacement['to'];
  primaryHooks: HookMove['primaryHooks'];
  close: () => void;
}

/**
 * Dialog that shows the steps of moving programs to other hooks, with the equivalent commands, and starts the move.
 */
export function MoveHooksDialog({ pod, device, to, primaryHooks, close }: Props) {
  const { mutate, isPending, error } = useSetHookPlacement(pod);
  const confirm = useRef<HTMLButtonElement>(null);
  // The pod changes as soon as its programs are moved; the dialog keeps what it showed.
  const [asked] = useState({
    to,
    steps: planHookMove({ device, policy: pod.network.netkit.policy, to, primaryHooks }),
  });
  useEffect(() => {
    if (error !== null) confirm.current?.focus();
  }, [error]);
  return (
    <Dialog.Root open onOpenChange={(open) => !open && close()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-scrim" />
        <Dialog.Content
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            confirm.current?.focus();
          }}
          className="-translate-x-1/2 -translate-y-1/2 fixed top-1/2 left-1/2 z-50 flex max-h-[calc(100dvh-32px)] w-[600px] max-w-[calc(100vw-32px)] flex-col rounded-3 border border-line-control bg-surface-1 shadow-2 outline-none"
        >
          <header className="px-5 pt-4 pb-2 max-md:px-4">
            <Dialog.Title className="font-semibold text-15">{formatMoveHooksLabel(asked.to)}</Dialog.Title>
            <Dialog.Description className="text-12 text-ink-2">
              {formatHookMoveDescription(device.primary.name)}
            </Dialog.Description>
          </header>
          <ol className="min-h-0 flex-1 overflow-y-auto border-line-1 border-t px-5 max-md:px-4">
            {asked.steps.map(({ title, detail, commands }, index) => (
              <li
                key={title}
                className="grid grid-cols-[16px_96px_minmax(0,1fr)_auto] gap-x-2.5 border-line-1 border-b py-1.5 last:border-b-0 max-md:grid-cols-[16px_minmax(0,1fr)_auto]"
              >
                <span className="text-right text-12 text-muted leading-5 tabular-nums">{index + 1}</span>
                <span className="font-semibold">{title}</span>
                <span className="text-ink-2 max-md:col-span-2 max-md:col-start-2">{detail}</span>
                {commands.length > 0 && (
                  <>
                    <span className="-my-1 row-start-1 col-start-4 max-md:col-start-3">
                      <CopyButton
                        text={commands.join('\n')}
                        what={formatCopyStepCommandsLabel(title)}
                        className="size-6! text-muted"
                      />
                    </span>
                    <code className="col-span-2 col-start-3 font-mono text-[11.5px] leading-[18px] [overflow-wrap:anywhere] max-md:col-start-2">
                      {commands.map((command) => (
                        <span key={command} className="block pl-3.5 -indent-3.5">
                          <span
                            aria-hidden="true"
                            className="inline-block w-3.5 select-none indent-0 text-muted"
                          >
                            #
                          </span>
                          {command}
                        </span>
                      ))}
                    </code>
                  </>
                )}
              </li>
            ))}
          </ol>
          {error !== null && <MoveError error={error} />}
          <footer className="flex flex-wrap items-center gap-3 border-line-2 border-t px-5 py-3 max-md:px-4">
            <span className="text-12 text-muted" role="status">
              {isPending ? podProgramsText.movePending : ''}
            </span>
            <span className="flex-1" />
            <Button size="large" onClick={close}>
              {podProgramsText.cancel}
            </Button>
            <Button
              ref={confirm}
              look="primary"
              size="large"
              aria-disabled={isPending}
              onClick={() => !isPending && mutate(asked.to, { onSuccess: close })}
            >
              {isPending
                ? podProgramsText.moving
                : error === null
                  ? podProgramsText.move
                  : podProgramsText.tryAgain}
              {!isPending && (
                <span aria-hidden="true" className="[&>kbd]:border-current [&>kbd]:text-current">
                  <KeyboardKey>Enter</KeyboardKey>
                </span>
              )}
            </Button>
          </footer>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function MoveError({ error }: { error: Error }) {
  return (
    <div role="alert" className="flex gap-3 border-signal border-y bg-signal-wash px-5 py-2.5 max-md:px-4">
      <WarningIcon className="mt-0.5 size-4" />
      <div className="min-w-0">
        <p className="font-semibold">
          {error instanceof ApiError ? error.title : podProgramsText.moveRefused}
        </p>
        <p className="text-12 [overflow-wrap:anywhere]">{error.message}</p>
        {error instanceof ApiError && error.hint !== undefined && (
          <p className="text-12 text-ink-2">{error.hint}</p>
        )}
      </div>
    </div>
  );
}
