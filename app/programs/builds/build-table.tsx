'use client';

import { Check } from 'lucide-react';
import { useState } from 'react';
import type { Build } from '../../../contract/build.ts';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { NotAvailableNumber } from '../../_components/number-display.tsx';
import { showToast } from '../../_components/toast.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { formatByteSize, formatClockTime } from '../../_lib/format.ts';
import { sharedText } from '../../_text/shared.ts';
import { useRemoveBuild } from './build-queries.ts';
import { shortenBuildId } from './short-build-id.ts';
import { buildsText } from './text.ts';

const head =
  'h-6 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted first:pl-2 last:pr-2 max-md:px-1';
const cell = 'h-10 border-line-1 border-b px-2 first:pl-2 last:pr-2 max-md:px-1';
const wide = 'max-md:hidden';

interface Props {
  builds: readonly Build[];
  /** True if the session's role is not allowed to change builds. */
  refused: boolean;
  activate: (build: Build) => void;
}

/** Table of the node's datapath builds, the bundled one first. */
export function BuildTable({ builds, refused, activate }: Props) {
  return (
    <table aria-label={buildsText.builds} className="w-full table-fixed border-separate border-spacing-0">
      <thead>
        <tr>
          <th scope="col" className={`${head} w-[150px]`}>
            {buildsText.build}
          </th>
          <th scope="col" className={`${head} max-md:w-20`}>
            {buildsText.state}
          </th>
          <th scope="col" className={`${head} ${wide} w-[84px] text-right`}>
            {buildsText.size}
          </th>
          <th scope="col" className={`${head} ${wide} w-[190px]`}>
            {buildsText.signedBy}
          </th>
          <th scope="col" className={`${head} max-lg:hidden w-[170px]`}>
            {buildsText.added}
          </th>
          <th scope="col" className={`${head} w-[190px] max-md:w-auto`}>
            <span className="sr-only">{buildsText.actions}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {builds.map((build) => (
          <Row key={build.sha256} build={build} refused={refused} activate={activate} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ build, refused, activate }: { build: Build } & Omit<Props, 'builds'>) {
  return (
    <tr className={build.active ? '[&>*]:bg-accent-wash' : ''}>
      <th scope="row" className={`${cell} text-left font-normal`}>
        <span className="flex items-center gap-1">
          <b className="code font-semibold" title={build.sha256}>
            {shortenBuildId(build.sha256)}
          </b>
          <CopyButton text={build.sha256} what={buildsText.copySha256} className="-my-1 size-6! text-muted" />
        </span>
      </th>
      <td className={cell}>
        <BuildState build={build} />
      </td>
      <td className={`${cell} ${wide} text-right tabular-nums`}>{formatByteSize(build.bytes)}</td>
      <td className={`${cell} ${wide} truncate`}>
        {build.installed ? (
          <span className="text-muted">{buildsText.bundled}</span>
        ) : build.trusted ? (
          build.signer
        ) : (
          <span className="inline-flex items-center gap-1.5 text-12">
            <WarningIcon /> {buildsText.untrustedKey}
          </span>
        )}
      </td>
      <td className={`${cell} max-lg:hidden truncate text-ink-2 tabular-nums`}>
        {build.addedAt === null ? (
          <NotAvailableNumber reason={buildsText.bundledReason} slot={false} />
        ) : (
          `${formatClockTime(Date.parse(build.addedAt))} by ${build.addedBy}`
        )}
      </td>
      <td className={`${cell} text-right`}>
        {!build.active && <BuildActions build={build} refused={refused} activate={activate} />}
      </td>
    </tr>
  );
}

function BuildState({ build: { active, previous, installed } }: { build: Build }) {
  const words = [
    ...(installed ? [buildsText.bundled] : []),
    ...(previous ? [buildsText.previousState] : []),
  ].join(', ');
  return (
    <span className="flex flex-wrap items-center gap-x-2">
      {active && (
        <b className="inline-flex items-center gap-1 font-semibold text-accent-text">
          <Check aria-hidden="true" className="size-3.5" strokeWidth={2.4} /> {buildsText.runningState}
        </b>
      )}
      <span className="text-ink-2">{words}</span>
    </span>
  );
}

function BuildActions({ build, refused, activate }: { build: Build } & Omit<Props, 'builds'>) {
  const remove = useRemoveBuild();
  const [sure, setSure] = useState(false);
  const gone = () =>
    remove.mutate(build.sha256, {
      onError: ({ message }) =>
        showToast({ tone: 'failed', title: buildsText.removeFailed, detail: message }),
    });
  if (sure)
    return (
      <span className="inline-flex gap-2">
        <Button size="small" look="destructive" disabled={remove.isPending} onClick={gone}>
          {sharedText.remove}
        </Button>
        <Button size="small" onClick={() => setSure(false)}>
          {sharedText.keep}
        </Button>
      </span>
    );
  return (
    <span className="inline-flex gap-2">
      {!build.installed && (
        <Button size="small" look="quiet" disabled={refused} onClick={() => setSure(true)}>
          {buildsText.removeDialog}
        </Button>
      )}
      <Button
        size="small"
        disabled={refused || !build.trusted}
        title={build.trusted ? undefined : buildsText.notSigned}
        onClick={() => activate(build)}
      >
        {buildsText.activateDialog}
      </Button>
    </span>
  );
}
