import { WarningSign } from '../../_components/warning-sign.tsx';

interface HeadTitleProps {
  name: string;
  type: string;
  /** Said where the node does not have it any more, else null. */
  gone: string | null;
}

/** Which program or map a page is of. */
export const HeadTitle = ({ name, type, gone }: HeadTitleProps) => (
  <>
    <h1 className="break-all font-semibold text-20 tracking-[-.014em] max-md:text-[18px]">{name}</h1>
    <span className="code inline-flex h-6 items-center rounded-1 bg-surface-2 px-2 text-ink-2">{type}</span>
    {gone !== null && (
      <span className="flex items-center gap-1.5 text-12 text-signal-text">
        <WarningSign /> {gone}
      </span>
    )}
  </>
);
