'use client';

import Link from 'next/link';
import type { Attachment, BpfProgram } from '../../../contract/program.ts';
import { NotAvailableNumber } from '../../_components/number-display.tsx';
import { formatCount } from '../../_lib/format.ts';
import { formatDeviceNamespace } from '../_components/attach-point-cell.tsx';
import { programsText } from '../text.ts';

const head = 'h-6 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted first:pl-0 last:pr-0';
const cell = 'h-7 truncate border-line-1 border-b px-2 first:pl-0 last:pr-0';
const wide = 'max-md:hidden';
/** Maximum number of attach points shown, because a program of Podlane can be attached to thousands of devices. */
const shown = 200;

/** Table of a program's attach points, with the program's position among the programs at each. */
export function ProgramAttachments({ program }: { program: BpfProgram }) {
  const { attachments, attachmentCount, notAttached } = program;
  return (
    <section aria-labelledby="attachments" className="min-w-0">
      <h2 id="attachments" className="flex min-h-8 items-center gap-3 font-semibold">
        {programsText.attachmentsTitle}
        <span className="font-normal text-12 text-muted">
          {attachmentCount === 1
            ? programsText.oneAttachPoint
            : programsText.attachPoints(formatCount(attachmentCount))}
        </span>
      </h2>
      <table className="w-full table-fixed border-separate border-spacing-0">
        <thead>
          <tr>
            <th scope="col" className={`${head} w-40 max-md:w-24`}>
              {programsText.hook}
            </th>
            <th scope="col" className={head}>
              {programsText.target}
            </th>
            <th scope="col" className={`${head} w-44 max-md:w-20`}>
              {programsText.namespace}
            </th>
            <th scope="col" className={`${head} w-22 text-right max-md:w-16`} title={programsText.orderTitle}>
              {programsText.order}
            </th>
            <th scope="col" className={`${head} ${wide} w-20 text-right`} title={programsText.priorityTitle}>
              {programsText.priority}
            </th>
            <th scope="col" className={`${head} ${wide} w-18 text-right`}>
              {programsText.link}
            </th>
          </tr>
        </thead>
        <tbody>
          {attachments.slice(0, shown).map((attachment) => (
            <Row
              key={`${attachment.hook} ${attachment.target} ${attachment.device?.namespace?.inode} ${attachment.linkId} ${attachment.position}`}
              attachment={attachment}
            />
          ))}
          {attachmentCount > Math.min(attachments.length, shown) && (
            <tr>
              <td colSpan={6} className={`${cell} text-muted`}>
                {programsText.moreAttachPoints(
                  formatCount(attachmentCount - Math.min(attachments.length, shown)),
                )}
              </td>
            </tr>
          )}
          {attachmentCount === 0 && (
            <tr>
              <td colSpan={6} className={`${cell} whitespace-normal text-ink-2`}>
                {notAttached ?? programsText.notAttached}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </section>
  );
}

function Row({ attachment }: { attachment: Attachment }) {
  const { hook, target, device, position, of, priority, linkId } = attachment;
  return (
    <tr className="hover:[&>td]:bg-surface-2">
      <td className={`${cell} code`}>{hook}</td>
      <td
        className={cell}
        title={device === null ? target : programsText.targetWithIfindex(target, device.ifindex)}
      >
        {target}
        {device !== null && <span className="code text-muted"> {device.ifindex}</span>}
      </td>
      <td className={`${cell} text-ink-2`}>
        {device === null ? (
          <NotAvailableNumber reason={programsText.noDevice} slot={false} />
        ) : device.namespace?.pod ? (
          <Link
            href={`/pods/${device.namespace.name ?? device.namespace.pod}`}
            prefetch={false}
            className="link"
          >
            {formatDeviceNamespace(device)}
          </Link>
        ) : (
          formatDeviceNamespace(device)
        )}
      </td>
      <td className={`${cell} text-right tabular-nums`}>
        {position === null ? (
          <NotAvailableNumber reason={programsText.noOrder} slot={false} />
        ) : (
          <>
            {position + 1}
            {of !== null && <span className="text-muted"> {programsText.ofTotal(of)}</span>}
          </>
        )}
      </td>
      <td className={`${cell} ${wide} text-right tabular-nums`}>
        {priority ?? <NotAvailableNumber reason={programsText.noPriority} slot={false} />}
      </td>
      <td className={`${cell} ${wide} code text-right text-ink-2`}>
        {linkId ?? <NotAvailableNumber reason={programsText.noLink} slot={false} />}
      </td>
    </tr>
  );
}
