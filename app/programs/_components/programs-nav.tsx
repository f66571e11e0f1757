import { PageTabs } from '../../_components/page-tabs.tsx';

const tabs = [
  { href: '/programs', label: 'Programs' },
  { href: '/programs/maps', label: 'Maps' },
  { href: '/programs/links', label: 'Links' },
  { href: '/programs/builds', label: 'Builds' },
] as const;

/** What the section is made of. A program's own page belongs to Programs. */
export const ProgramsNav = () => <PageTabs label="eBPF" tabs={tabs} />;
