import { CopyButton } from '../../_components/copy-button.tsx';
import { EmptyState } from '../../_components/empty-state.tsx';
import { podListText } from './text.ts';

const add = `curl --unix-socket /run/podlane/agent.sock http://localhost/api/v1/pods \\
  -H 'content-type: application/json' \\
  -d '{"namespace":"default","name":"web","netns":"/run/netns/web","address":"10.42.0.10/32"}'`;

/** Renders a message on a node without pods, which explains how to add some. */
export function NoPodsNotice() {
  return (
    <div className="px-(--gutter) py-6">
      <EmptyState title={podListText.noPods}>
        <p>{podListText.noPodsDetail}</p>
        <Command text="npm run lab" />
        <p className="mt-3">{podListText.addPodDetail}</p>
        <Command text={add} />
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
