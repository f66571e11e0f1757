import type { DumpPartName } from '../../contract/dump.ts';

const parts: Record<DumpPartName, [title: string, what: string]> = {
  kernel: ['Kernel and probes', 'version, configuration, what was probed, the sysctls that matter'],
  network: ['Network of the host', 'links, addresses, routes, neighbours, rules, qdiscs, filters'],
  pods: ['Network of the pods', 'the same of each pod’s network namespace'],
  programs: ['eBPF programs, links', 'all of them with their instructions, links and places'],
  maps: ['eBPF maps', 'all of them; entries of Podlane’s own only'],
  statistics: ['Statistics', 'of devices and protocols, softirqs, drops by reason'],
  agent: ['Agent', 'what its API answers: migrations, rules, guard, events, metrics'],
  log: ['Agent’s log', 'the agent’s last lines, without secrets'],
};

/** What goes into a dump, and what never does. */
export function DumpContents() {
  return (
    <>
      <section aria-labelledby="contents">
        <h2 id="contents" className="flex min-h-7 items-center font-semibold">
          What goes in
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
          What never does
        </h2>
        <p className="border-line-2 border-t pt-1.5 text-12 text-ink-2">
          Bytes of packets, tokens, keys, the environment of processes, and entries of maps that are not
          Podlane’s. The manifest says for each file which command it equals, when it was taken, and its
          checksum.
        </p>
      </section>
    </>
  );
}
