import type { Attachment, BpfDevice, BpfProgram } from '../../../contract/program.ts';
import { programsText } from '../text.ts';

/** Shows the first attach point of a program and the number of further ones. */
export function AttachPointCell({ program }: { program: BpfProgram }) {
  const [first] = program.attachments;
  if (first === undefined)
    return (
      <span className="text-muted" title={program.notAttached ?? undefined}>
        {programsText.notAttachedShort}
      </span>
    );
  const more = program.attachmentCount - 1;
  const all = program.attachments.map(({ hook, target }) => `${hook} ${target}`);
  const rest = program.attachmentCount - all.length;
  return (
    <span title={[...all, ...(rest > 0 ? [programsText.andMore(rest)] : [])].join('\n')}>
      <span className="code text-ink-2">{first.hook}</span> {first.target}
      <AttachOrderLabel attachment={first} />
      {more > 0 && <span className="text-muted"> {programsText.andMore(more)}</span>}
    </span>
  );
}

/** Shows the position of a program among several at an attach point; shows nothing if the program is alone. */
export function AttachOrderLabel({ attachment: { position, of } }: { attachment: Attachment }) {
  if (position === null || of === null || of < 2) return null;
  return (
    <span className="text-muted tabular-nums" title={programsText.orderOf(position + 1, of)}>
      {' '}
      {position + 1}/{of}
    </span>
  );
}

/** Formats the network namespace of a device. */
export function formatDeviceNamespace(device: BpfDevice): string {
  const { namespace } = device;
  if (namespace === null) return programsText.unknownNamespace;
  return namespace.host ? 'host' : (namespace.name ?? `netns ${namespace.inode}`);
}
