import { bpfMapsText } from '../text.ts';
import { formatInlineMapValue, formatScalarMapValue, isCompositeMapValue } from './format-map-value.ts';

/** Maximum number of members of a value that are rendered. */
const shown = 256;

/** Renders a typed map value with one member per line; members without nested structures take one line each. */
export function BpfMapValueTree({ value }: { value: unknown }) {
  if (!isCompositeMapValue(value))
    return <span className="code [overflow-wrap:anywhere]">{formatScalarMapValue(value)}</span>;
  const members = Array.isArray(value)
    ? value.map((each, index): [string, unknown] => [`[${index}]`, each])
    : Object.entries(value);
  if (members.length === 0) return <span className="code text-muted">{'{}'}</span>;
  return (
    <dl className="min-w-0">
      {members.slice(0, shown).map(([name, each]) => (
        <div
          key={name}
          className="grid grid-cols-[minmax(88px,auto)_minmax(0,1fr)] gap-x-3 border-line-1 border-b py-0.5 last:border-b-0"
        >
          <dt className="code text-muted">{name}</dt>
          <dd className="min-w-0">
            {isCompositeMapValue(each) && Object.values(each).some(isCompositeMapValue) ? (
              <BpfMapValueTree value={each} />
            ) : isCompositeMapValue(each) && !Array.isArray(each) ? (
              <BpfMapValueTree value={each} />
            ) : (
              <span className="code [overflow-wrap:anywhere]">{formatInlineMapValue(each)}</span>
            )}
          </dd>
        </div>
      ))}
      {members.length > shown && (
        <div className="text-12 text-muted">{bpfMapsText.moreMembers(members.length - shown)}</div>
      )}
    </dl>
  );
}
