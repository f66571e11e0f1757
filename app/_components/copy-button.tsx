'use client';

import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { sharedText } from '../_text/shared.ts';
import { IconButton } from './button.tsx';
import { showToast } from './toast.tsx';

/**
 * Renders a button that copies `text` to the clipboard and shows a check mark for two seconds. Its label is `Copy`
 * followed by `what`.
 */
export function CopyButton({
  text,
  what,
  className = '',
}: {
  text: string;
  what: string;
  className?: string;
}) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <IconButton
      label={copied ? sharedText.copied : sharedText.copy(what)}
      className={className}
      onClick={() => {
        navigator.clipboard.writeText(text).then(
          () => setCopied(true),
          ({ message }: Error) =>
            showToast({ title: sharedText.copyFailed, detail: message, tone: 'failed' }),
        );
      }}
    >
      {copied ? (
        <Check aria-hidden="true" className="size-3.5 text-accent-text" />
      ) : (
        <Copy aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
      )}
    </IconButton>
  );
}
