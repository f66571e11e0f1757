import { WarningIcon } from '../../_components/warning-icon.tsx';

interface HeadTitleProps {
  name: string;
  type: string;
  /** Notice to show if the program or map no longer exists, otherwise null. */
  gone: string | null;
}

/** Renders the title of a program's or map's page. */
export const BpfObjectHeaderTitle = ({ name, type, gone }: HeadTitleProps) => (
  <>
    <h1 className="break-all font-semibold text-20 tracking-[-.014em] max-md:text-[18px]">{name}</h1>
    <span className="code inline-flex h-6 items-center rounded-1 bg-surface-2 px-2 text-ink-2">{type}</span>
    {gone !== null && (
      <span className="flex items-center gap-1.5 text-12 text-signal-text">
        <WarningIcon /> {gone}
      </span>
    )}
  </>
);
