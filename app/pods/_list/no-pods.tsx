import { CopyButton } from '../../_components/copy-button.tsx';
import { EmptyState } from '../../_components/empty-state.tsx';
import { addPodCommand, podListText } from './text.ts';

/** Renders a message on a node without pods, which explains how to add some. */
export function NoPodsNotice() {
  return (
    <div className="px-(--gutter) py-6">
      <EmptyState title={podListText.noPods}>
        <p>{podListText.noPodsDetail}</p>
        <Command text="npm run lab" />
        <p className="mt-3">{podListText.addPodDetail}</p>
        <Command text={addPodCommand} />
      </EmptyState>
    </div>
  );
}

function Command({ text }: { text: string }) {
  return (
    <div className="mt-1 flex items-start gap-2">
      <pre className="code min-w-0 whitespace-pre-wrap break-words py-1 text-ink-1">{text}</pre>
      <CopyButton text={text} what={podListText.command} />
    </div>
  );
}
