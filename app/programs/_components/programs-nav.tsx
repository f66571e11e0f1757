import { PageTabs } from '../../_components/page-tabs.tsx';
import { programsText } from '../text.ts';

const tabs = [
  { href: '/programs', label: programsText.programs },
  { href: '/programs/maps', label: programsText.maps },
  { href: '/programs/links', label: programsText.links },
  { href: '/programs/builds', label: programsText.builds },
] as const;

/** Renders the tabs of the eBPF pages; the page of a single program belongs to the tab Programs. */
export const ProgramsNav = () => <PageTabs label={programsText.ebpf} tabs={tabs} />;
