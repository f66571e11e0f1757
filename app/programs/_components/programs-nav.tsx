import { PageTabs } from '../../_components/page-tabs.tsx';
import { programsText } from '../text.ts';

const tabs = [
  { href: '/programs', label: programsText.programs },
  { href: '/programs/maps', label: programsText.maps },
  { href: '/programs/links', label: programsText.links },
  { href: '/programs/builds', label: programsText.builds },
] as const;

/** Tabs of the eBPF pages. A program's own page belongs to Programs. */
export const ProgramsNav = () => <PageTabs label={programsText.ebpf} tabs={tabs} />;
