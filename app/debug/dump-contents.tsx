import type { DumpPartName } from '../../contract/dump.ts';
import { debugText } from './text.ts';

const parts: Record<DumpPartName, [title: string, what: string]> = {
  kernel: [debugText.kernelPart, debugText.kernelPartDetail],
  network: [debugText.hostPart, debugText.hostPartDetail],
  pods: [debugText.podPart, debugText.podPartDetail],
  programs: [debugText.programPart, debugText.programPartDetail],
  maps: [debugText.mapPart, debugText.mapPartDetail],
  statistics: [debugText.statisticsPart, debugText.statisticsPartDetail],
  agent: [debugText.agentPart, debugText.agentPartDetail],
  log: [debugText.logPart, debugText.logPartDetail],
};

/** Lists the parts of a dump, and the data that is never included. */
export function DumpContents() {
  return (
    <>
      <section aria-labelledby="contents">
        <h2 id="contents" className="flex min-h-7 items-center font-semibold">
          {debugText.included}
        </h2>
        <dl className="border-line-2 border-t">
          {Object.entries(parts).map(([name, [title, what]]) => (
            <div
              key={name}
              className="grid grid-cols-[136px_minmax(0,1fr)] border-line-1 border-b py-1 text-12"
            >
              <dt>{title}</dt>
              <dd className="text-ink-2">{what}</dd>
            </div>
          ))}
        </dl>
      </section>
      <section aria-labelledby="left-out" className="mt-4">
        <h2 id="left-out" className="flex min-h-7 items-center font-semibold">
          {debugText.notIncluded}
        </h2>
        <p className="border-line-2 border-t pt-1.5 text-12 text-ink-2">{debugText.notIncludedDetail}</p>
      </section>
    </>
  );
}
