'use client';

import { useState } from 'react';
import { maxObjectBytes } from '../../../contract/limits.ts';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { FileField } from '../../_components/file-field.tsx';
import { ErrorNotice } from '../../_components/error-notice.tsx';
import { notify } from '../../_components/toast.tsx';
import { useAddBuild } from './build-queries.ts';
import { fileToBase64 } from '../../_lib/file-encoding.ts';
import { shortBuildId } from './short-build-id.ts';

const sign = 'node scripts/sign-build.ts --key NAME.key datapath.bpf.o';

/** Brings a signed build to the node: it is checked and kept, and does not run yet. */
export function AddBuild({ refused }: { refused: string | null }) {
  const add = useAddBuild();
  const [object, chooseObject] = useState<File | null>(null);
  const [signature, chooseSignature] = useState<File | null>(null);
  // The fields of files cannot be emptied but by making them anew.
  const [round, next] = useState(0);
  const tooLarge = object !== null && object.size > maxObjectBytes;
  const reason =
    refused ??
    (object === null || signature === null
      ? 'Choose both files.'
      : tooLarge
        ? `A build has at most ${maxObjectBytes / 1024} KiB.`
        : null);
  const submit = async () => {
    if (object === null || signature === null) return;
    const wanted = { object: await fileToBase64(object), signature: (await signature.text()).trim() };
    add.mutate(wanted, {
      onSuccess: ({ sha256 }) => {
        notify({ tone: 'done', title: `Build ${shortBuildId(sha256)} is kept`, detail: 'It does not run yet.' });
        chooseObject(null);
        chooseSignature(null);
        next(round + 1);
      },
    });
  };
  return (
    <section aria-labelledby="add">
      <h2 id="add" className="flex min-h-8 items-center font-semibold">
        Add a build
      </h2>
      <form
        key={round}
        className="grid gap-3 border-line-2 border-t pt-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (reason === null && !add.isPending) void submit();
        }}
      >
        <FileField
          label="Object"
          accept=".o"
          file={object}
          choose={chooseObject}
          hint="the compiled datapath, datapath.bpf.o"
          disabled={refused !== null}
        />
        <FileField
          label="Signature"
          accept=".sig"
          file={signature}
          choose={chooseSignature}
          hint="beside the object, datapath.bpf.o.sig"
          disabled={refused !== null}
        />
        <div className="flex flex-wrap items-center gap-3">
          <Button type="submit" disabled={reason !== null || add.isPending} aria-describedby="no-build">
            {add.isPending ? 'The kernel looks at it' : 'Add'}
          </Button>
          <p id="no-build" className="text-12 text-ink-2">
            {reason}
          </p>
        </div>
        {add.error !== null && <ErrorNotice error={add.error} title="The build was not added" />}
        <p className="flex items-start gap-1 text-12 text-muted">
          <span>
            Sign with <code className="code text-ink-2">{sign}</code>
          </span>
          <CopyButton text={sign} what="the command" className="-my-1 size-6! text-muted" />
        </p>
      </form>
    </section>
  );
}
