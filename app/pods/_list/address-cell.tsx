import { stripPrefixLength } from '../../_lib/pod-queries.ts';

/** Shows a pod's first address and the number of further ones, which the title lists. */
export function PodAddressCell({ addresses }: { addresses: readonly string[] }) {
  const more = addresses.length - 1;
  return (
    <span className="flex items-baseline gap-1.5" title={addresses.join('\n')}>
      <span className="code truncate">{stripPrefixLength(addresses[0])}</span>
      {more > 0 && (
        <span className="text-12 text-muted">
          +{more}
          <span className="sr-only"> more</span>
        </span>
      )}
    </span>
  );
}
