import type { PathTranslator } from '../../../../contract/pod-path.ts';
import { formatTranslator, pathText } from './text.ts';

/** Lists what others put on a pod's path that may translate addresses, and what that means for redirected packets. */
export function TranslatorList({ translators }: { translators: readonly PathTranslator[] }) {
  if (translators.length === 0) return null;
  return (
    <div className="pb-1.5 text-12 text-ink-2">
      {pathText.translators}
      <ul>
        {translators.map((translator, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: one is its position on the path
          <li key={index}>{formatTranslator(translator)}</li>
        ))}
      </ul>
    </div>
  );
}
