import { CopyButton } from '../../_components/copy-button.tsx';
import { EmptyState } from '../../_components/empty-state.tsx';

const add = `curl --unix-socket /run/podlane/agent.sock http://localhost/api/v1/pods \\
  -H 'content-type: application/json' \\
  -d '{"namespace":"default","name":"web","netns":"/run/netns/web","address":"10.42.0.10/32"}'`;

/** The node has no pods: how it gets some. */
export function NoPods() {
  return (
    <div className="px-(--gutter) py-6">
      <EmptyState title="No pods on this node">
        <p>
          Podlane lists a pod as soon as it has given it a device. To try it without a cluster, run the lab:
        </p>
        <Command text="npm run lab" />
        <p className="mt-3">To make a network namespace of your own a pod:</p>
        <Command text={add} />
      </EmptyState>
    </div>
  );
}

function Command({ text }: { text: string }) {
  return (
    <div className="mt-1 flex items-start gap-2">
      <pre className="code min-w-0 whitespace-pre-wrap break-words py-1 text-ink-1">{text}</pre>
      <CopyButton text={text} what="the command" />
    </div>
  );
}
