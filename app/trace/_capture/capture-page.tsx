'use client';

import { Download } from 'lucide-react';
import { useSearchParams } from 'next/navigation';
import { type FormEvent, useEffect, useState } from 'react';
import { primaryCaptureDescriptions } from '../../../contract/trace.ts';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { SelectField } from '../../_components/select-field.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { ApiError } from '../../_lib/api.ts';
import { formatByteSize, formatElapsedTime } from '../../_lib/format.ts';
import { formatPodName } from '../../_lib/packet-labels.ts';
import { usePods } from '../../_lib/pod-queries.ts';
import { useMissingRoleReason } from '../../_lib/session-queries.ts';
import { useCurrentTime } from '../../_lib/use-current-time.ts';
import { sharedText } from '../../_text/shared.ts';
import { PacketFilterFields } from '../_form/packet-filter-fields.tsx';
import { type PacketFilterValues, parsePacketFilter, validatePacketFilter } from '../_form/trace-form.ts';
import { traceText } from '../text.ts';
import { type CaptureDownloadState, useCaptureDownload } from './use-capture-download.ts';

const plain: PacketFilterValues = {
  pod: '',
  address: '',
  port: '',
  protocol: '',
  family: '',
  packets: '1000',
  seconds: '30',
};
const most = { packets: 100_000, seconds: 240 };
/** Choices of the number of bytes that a capture stores of each packet; fewer bytes hold less payload. */
const lengths: readonly [string, string][] = [
  ['65535', traceText.fullLength],
  ['256', traceText.first256],
  ['96', traceText.first96],
];
const sizes: readonly [string, string][] = [
  ['1048576', '1 MiB'],
  ['16777216', '16 MiB'],
  ['268435456', '256 MiB'],
];

/** Page that captures a pod's packets to a file for Wireshark. */
export function CapturePage() {
  const search = useSearchParams();
  const linked = search.toString();
  const [form, setForm] = useState<PacketFilterValues>(() => parsePacketFilter(search, plain));
  useEffect(() => setForm(parsePacketFilter(new URLSearchParams(linked), plain)), [linked]);
  const [snaplen, setSnaplen] = useState('65535');
  const [size, setSize] = useState('16777216');
  const [tried, setTried] = useState(false);
  const missingRole = useMissingRoleReason('operator');
  const { state, start, stop } = useCaptureDownload();
  const pods = usePods().data ?? [];
  const chosen = pods.find((pod) => [pod.id, formatPodName(pod)].includes(form.pod.trim()));
  const read = validatePacketFilter(form, most);
  const path = 'wanted' in read ? pathOf(read.wanted, { snaplen, bytes: size }) : null;
  const running = state.step === 'running';
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (path !== null && !running) start(path);
  };
  return (
    <div className="grid gap-x-10 gap-y-8 px-(--gutter) py-4 pb-12 lg:grid-cols-[360px_minmax(0,1fr)]">
      <section aria-labelledby="new-capture">
        <h1 id="new-capture" className="font-semibold text-20 tracking-[-.014em]">
          {traceText.capture}
        </h1>
        <p className="mt-1 text-12 text-muted">{traceText.captureIntro}</p>
        <form onSubmit={submit} noValidate className="mt-4 grid gap-3">
          <PacketFilterFields
            form={form}
            change={(change) => setForm({ ...form, ...change })}
            problems={tried && 'problems' in read ? read.problems : {}}
            disabled={running}
          />
          <div className="grid grid-cols-2 gap-3">
            <SelectField
              label={traceText.snapLength}
              value={snaplen}
              change={setSnaplen}
              options={lengths}
              disabled={running}
            />
            <SelectField
              label={traceText.maxFileSize}
              value={size}
              change={setSize}
              options={sizes}
              disabled={running}
            />
          </div>
          <div className="mt-1 flex flex-wrap items-center gap-3">
            {running ? (
              <Button look="primary" onClick={stop}>
                {traceText.stopAndKeep}
              </Button>
            ) : (
              <Button type="submit" look="primary" disabled={missingRole !== null}>
                {traceText.startCapture}
              </Button>
            )}
            {missingRole !== null && <span className="text-12 text-ink-2">{missingRole}</span>}
          </div>
        </form>
      </section>
      <div className="grid min-w-0 content-start gap-6">
        <section aria-labelledby="captured" className="min-w-0">
          <h2 id="captured" className="flex h-8 items-center font-semibold">
            {traceText.file}
          </h2>
          <div className="min-h-10 border-line-2 border-t pt-2">
            <CaptureFile state={state} />
          </div>
        </section>
        <section aria-labelledby="sees" className="max-w-[72ch] text-12 text-ink-2">
          <h2 id="sees" className="font-semibold text-13 text-ink-1">
            {traceText.visibility}
          </h2>
          {chosen === undefined ? (
            (['netkit', 'tcx'] as const).map((hooks) => (
              <p key={hooks} className="mt-1">
                {traceText.seesOn(
                  hooks === 'netkit' ? 'netkit' : traceText.tcxOrTc,
                  primaryCaptureDescriptions[hooks],
                )}
              </p>
            ))
          ) : (
            <p className="mt-1">
              {traceText.podSees(
                formatPodName(chosen),
                chosen.hooks,
                primaryCaptureDescriptions[chosen.hooks],
              )}
            </p>
          )}
        </section>
        {path !== null && (
          <section>
            <h2 className="text-12 text-muted">{sharedText.equivalentCommand}</h2>
            <Command path={path} />
          </section>
        )}
      </div>
    </div>
  );
}

function pathOf(
  { pod, ...filter }: { pod: string } & Record<string, unknown>,
  more: Record<string, string>,
): string {
  const query = new URLSearchParams(more);
  for (const [key, value] of Object.entries(filter)) if (value !== undefined) query.set(key, String(value));
  return `/pods/${encodeURIComponent(pod)}/capture?${query}`;
}

function Command({ path }: { path: string }) {
  const text = `curl --unix-socket /run/podlane/agent.sock \\\n  'http://localhost/api/v1${path}' | wireshark -k -i -`;
  return (
    <div className="mt-1 flex items-start gap-2">
      <pre className="code min-w-0 whitespace-pre-wrap break-all text-ink-1">{text}</pre>
      <CopyButton text={text} what={sharedText.copyCommand} />
    </div>
  );
}

/** Shows the progress of a capture and the link to its file. */
function CaptureFile({ state }: { state: CaptureDownloadState }) {
  const now = useCurrentTime();
  switch (state.step) {
    case 'idle':
      return <p className="text-12 text-ink-2">{traceText.noFile}</p>;
    case 'running':
      return (
        <p role="status" className="tabular-nums">
          <b className="font-[550]">{formatByteSize(state.bytes)}</b>{' '}
          <span className="text-ink-2">
            {traceText.elapsed(formatElapsedTime(Math.max(0, now - state.since)))}
          </span>
        </p>
      );
    case 'done':
      return (
        <div className="flex flex-wrap items-center gap-3">
          <Button asChild look="primary">
            <a href={state.url} download={state.name}>
              <Download aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
              {sharedText.download}
            </a>
          </Button>
          <span className="min-w-0 text-12 text-ink-2">
            <span className="code break-all text-ink-1">{state.name}</span>{' '}
            {traceText.captured(
              formatByteSize(state.bytes),
              state.ended === 'limit' ? traceText.limitReached : traceText.stopped,
            )}
          </span>
        </div>
      );
    case 'failed':
      return (
        <p role="alert" className="flex items-start gap-1.5 text-12 text-ink-2">
          <WarningIcon className="mt-px size-3.5" />
          <span>
            {state.error.message} {state.error instanceof ApiError && state.error.hint}
          </span>
        </p>
      );
  }
}
