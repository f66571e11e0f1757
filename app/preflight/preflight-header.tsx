import { Check } from 'lucide-react';
import type { Preflight } from '../../contract/preflight.ts';
import { Button } from '../_components/button.tsx';
import { CopyButton } from '../_components/copy-button.tsx';
import { LabeledFact, LabeledFactList } from '../_components/labeled-fact.tsx';
import { WarningIcon } from '../_components/warning-icon.tsx';
import { formatClockTime } from '../_lib/format.ts';
import { formatProgress, preflightText } from './text.ts';

interface PreflightHeaderProps {
  data: Preflight | undefined;
  command: string;
  looking: boolean;
  lookAgain: () => void;
}

/** Shows what the page is about, the node's state, how far the preflight is, and the command that does the same. */
export function PreflightHeader({ data, command, looking, lookAgain }: PreflightHeaderProps) {
  return (
    <header className="flex items-start gap-4 border-line-1 border-b px-(--gutter) py-3 max-md:flex-col max-md:items-stretch">
      <div className="min-w-0 flex-1">
        <h1 className="font-semibold text-20 tracking-[-.014em]">{preflightText.title}</h1>
        <p className="text-12 text-ink-2">{preflightText.intro}</p>
        {data !== undefined && (
          <div className="mt-1">
            <LabeledFactList>
              <LabeledFact label={preflightText.node}>{data.node.name}</LabeledFact>
              <LabeledFact label={preflightText.kernel}>{data.node.kernel}</LabeledFact>
              <LabeledFact label="">
                <span className="inline-flex items-center gap-1.5">
                  {data.node.netkit ? (
                    <Check aria-hidden="true" className="size-3.5 text-accent-text" strokeWidth={2.4} />
                  ) : (
                    <WarningIcon />
                  )}
                  {data.node.netkit ? preflightText.netkitWorks : preflightText.noNetkit}
                </span>
              </LabeledFact>
              <LabeledFact label={preflightText.lookedAt}>
                {formatClockTime(Date.parse(data.node.lookedAt))}
              </LabeledFact>
            </LabeledFactList>
          </div>
        )}
      </div>
      <div className="flex flex-wrap items-center gap-2">
        <span className="text-12 text-ink-2 tabular-nums" role="status">
          {looking &&
            (data === undefined
              ? preflightText.looking
              : data.remaining > 0
                ? formatProgress(data.pods.length, data.remaining)
                : preflightText.looking)}
        </span>
        <span className="flex min-w-0 items-center">
          <code className="code max-w-80 truncate text-12 text-ink-2" title={command}>
            {command}
          </code>
          <CopyButton text={command} what={preflightText.copyCommand} />
        </span>
        <Button disabled={looking} onClick={lookAgain}>
          {preflightText.lookAgain}
        </Button>
      </div>
    </header>
  );
}
