import { debugText } from './text.ts';

/** Lists the parts of a debug dump, and the data that a dump never includes. */
export function DebugDumpContentsList() {
  return (
    <>
      <section aria-labelledby="contents">
        <h2 id="contents" className="flex min-h-7 items-center font-semibold">
          {debugText.included}
        </h2>
        <dl className="border-line-2 border-t">
          {Object.entries(debugText.parts).map(([name, { title, detail }]) => (
            <div
              key={name}
              className="grid grid-cols-[136px_minmax(0,1fr)] border-line-1 border-b py-1 text-12"
            >
              <dt>{title}</dt>
              <dd className="text-ink-2">{detail}</dd>
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
