'use client';

import { useState } from 'react';
import { maxObjectFileSize } from '../../../contract/limits.ts';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { ErrorNotice } from '../../_components/error-notice.tsx';
import { FileField } from '../../_components/file-field.tsx';
import { showToast } from '../../_components/toast.tsx';
import { fileToBase64 } from '../../_lib/file-encoding.ts';
import { sharedText } from '../../_text/shared.ts';
import { useAddBuild } from './build-queries.ts';
import { shortenBuildId } from './short-build-id.ts';
import { buildsText } from './text.ts';

const sign = 'node scripts/sign-build.ts --key NAME.key datapath.bpf.o';

/** Form that uploads a signed build. The agent verifies and stores the build without activating it. */
export function AddBuildForm({ refused }: { refused: string | null }) {
  const add = useAddBuild();
  const [object, chooseObject] = useState<File | null>(null);
  const [signature, chooseSignature] = useState<File | null>(null);
  // File inputs can only be cleared by mounting them again.
  const [round, next] = useState(0);
  const tooLarge = object !== null && object.size > maxObjectFileSize;
  const reason =
    refused ??
    (object === null || signature === null
      ? buildsText.chooseFiles
      : tooLarge
        ? buildsText.buildTooLarge(maxObjectFileSize / 1024)
        : null);
  const submit = async () => {
    if (object === null || signature === null) return;
    const wanted = { object: await fileToBase64(object), signature: (await signature.text()).trim() };
    add.mutate(wanted, {
      onSuccess: ({ sha256 }) => {
        showToast({
          tone: 'done',
          title: buildsText.buildAdded(shortenBuildId(sha256)),
          detail: buildsText.buildAddedDetail,
        });
        chooseObject(null);
        chooseSignature(null);
        next(round + 1);
      },
    });
  };
  return (
    <section aria-labelledby="add">
      <h2 id="add" className="flex min-h-8 items-center font-semibold">
        {buildsText.addTitle}
      </h2>
      <form
        key={round}
        className="grid gap-3 border-line-2 border-t pt-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (reason !== null || add.isPending) return;
          submit().catch(({ message }: Error) =>
            showToast({ tone: 'failed', title: sharedText.fileUnreadable, detail: message }),
          );
        }}
      >
        <FileField
          label={buildsText.object}
          accept=".o"
          file={object}
          choose={chooseObject}
          hint={buildsText.objectHint}
          disabled={refused !== null}
        />
        <FileField
          label={buildsText.signature}
          accept=".sig"
          file={signature}
          choose={chooseSignature}
          hint={buildsText.signatureHint}
          disabled={refused !== null}
        />
        <div className="flex flex-wrap items-center gap-3">
          <Button type="submit" disabled={reason !== null || add.isPending} aria-describedby="no-build">
            {add.isPending ? buildsText.verifying : buildsText.add}
          </Button>
          <p id="no-build" className="text-12 text-ink-2">
            {reason}
          </p>
        </div>
        {add.error !== null && <ErrorNotice error={add.error} title={buildsText.addFailed} />}
        <p className="flex items-start gap-1 text-12 text-muted">
          <span>
            {buildsText.signWith} <code className="code text-ink-2">{sign}</code>
          </span>
          <CopyButton text={sign} what={sharedText.copyCommand} className="-my-1 size-6! text-muted" />
        </p>
      </form>
    </section>
  );
}
