import Link from 'next/link';
import type { ObservedPod } from '../../../../contract/observed-pod.ts';
import { Detail, Section } from './section.tsx';
import { formatIdentitySource, formatPort, formatRuntime, observedText } from './text.ts';

/** Shows who an observed pod is: what names it, its labels, containers and namespace. */
export function IdentitySection({ pod }: { pod: ObservedPod }) {
  return (
    <Section title={observedText.identity}>
      <dl className="text-12 leading-5">
        <Detail label={observedText.identifiedBy}>{formatIdentitySource(pod.identifiedBy)}</Detail>
        <Detail label={observedText.runtime}>{formatRuntime(pod) ?? observedText.unknown}</Detail>
        {pod.uid !== null && (
          <Detail label={observedText.uid}>
            <span className="code">{pod.uid}</span>
          </Detail>
        )}
        <Detail label={observedText.labels}>
          <Texts texts={pod.labels} />
        </Detail>
        {Object.keys(pod.annotations).length > 0 && (
          <Detail label={observedText.annotations}>
            <Texts texts={pod.annotations} />
          </Detail>
        )}
        <Detail label={observedText.containers}>
          {pod.containers.length === 0
            ? observedText.none
            : pod.containers.map(({ id, name, image, state }) => (
                <span key={id} className="block">
                  {name} <span className="text-muted">{state}</span>{' '}
                  <span className="code">{image ?? ''}</span>
                </span>
              ))}
        </Detail>
        <Detail label={observedText.publishedPorts}>
          {pod.publishedPorts.length === 0
            ? observedText.none
            : pod.publishedPorts.map((port) => (
                <span key={formatPort(port)} className="code block">
                  {formatPort(port)}
                </span>
              ))}
        </Detail>
        <Detail label={observedText.processes}>
          {pod.members.length === 0
            ? observedText.none
            : pod.members.map(({ pid, command }) => (
                <span key={pid} className="block">
                  {command} <span className="text-muted">{pid}</span>
                </span>
              ))}
        </Detail>
        {pod.controlGroups.length > 0 && (
          <Detail label={observedText.controlGroups}>
            {pod.controlGroups.map((path) => (
              <span key={path} className="code block">
                {path}
              </span>
            ))}
          </Detail>
        )}
        <Detail label={observedText.netns}>
          <span className="code">{pod.netns.path ?? observedText.unknown}</span>
        </Detail>
        <Detail label={observedText.inode}>
          <span className="code">{pod.inode}</span>
        </Detail>
        {pod.sameAddress.length > 0 && (
          <Detail label={observedText.sameAddress}>
            {pod.sameAddress.map(({ id, address }) => (
              <Link key={id} href={`/pods/observed/${id}`} className="link block" title={address}>
                {id}
              </Link>
            ))}
          </Detail>
        )}
      </dl>
    </Section>
  );
}

function Texts({ texts }: { texts: Readonly<Record<string, string>> }) {
  const entries = Object.entries(texts);
  if (entries.length === 0) return observedText.none;
  return entries.map(([name, value]) => (
    <span key={name} className="code block">
      {name}={value}
    </span>
  ));
}
