'use client';

import { lazy, Suspense } from 'react';
import type { Pod } from '../../../contract/pod.ts';
import { usePodMigrations } from '../../_lib/migration-queries.ts';
import { useSamplesAreStale } from '../../_lib/time-series/use-time-series.ts';
import { LiveCharts } from './_charts/live-charts.tsx';
import { useChartEndTime } from './_charts/use-chart-end-time.ts';
import { PacketChecksSection } from './_checks/checks-section.tsx';
import { DropsSection } from './_drops/drops-section.tsx';
import { EventsSection } from './_events/events-section.tsx';
import { GuardSection } from './_guard/guard-section.tsx';
import { MigrationList } from './_migration/migration-list.tsx';
import { useMigrationSheetUrl } from './_migration/use-migration-sheet-url.ts';
import { NetworkSection } from './_network/network-section.tsx';
import { PacketPathDiagram } from './_path/path-diagram.tsx';
import type { PathDiagramData } from './_path/path-diagram-types.ts';
import { PodRedirectSetting } from './_path/redirect-setting.tsx';
import { ServiceList } from './_path/service-list.tsx';
import { pathText } from './_path/text.ts';
import { TranslatorList } from './_path/translator-list.tsx';
import { usePathDiagramData } from './_path/use-path-diagram-data.ts';
import { PodProgramsTable } from './_programs/programs-table.tsx';
import { UserProgramsSection } from './_user-programs/user-programs-section.tsx';
import { PodPageHeader } from './pod-page-header.tsx';

const MigrationSheet = lazy(async () => ({
  default: (await import('./_migration/migration-sheet.tsx')).MigrationSheet,
}));
const noMigrations: never[] = [];

/** Shows a pod's path, charts, programs, drops, packet checks, guard, migrations, events and network. */
export function PodPageContent({ pod }: { pod: Pod }) {
  const stale = useSamplesAreStale();
  const now = useChartEndTime(stale);
  const view = usePathDiagramData(pod, !stale);
  const migrations = usePodMigrations(pod.id).data ?? noMigrations;
  const sheet = useMigrationSheetUrl();
  return (
    <>
      <PodPageHeader pod={pod} openPlan={sheet.openPlan} openMigration={sheet.openMigration} />
      <section aria-label={pathText.section} className="border-line-1 border-b px-(--gutter) pt-4 pb-3">
        <Path pod={pod} view={view} />
        {view !== null && <ServiceList services={view.services} />}
        {view !== null && <TranslatorList translators={view.translators} />}
        {pod.state !== 'gone' && <PodRedirectSetting podId={pod.id} />}
      </section>
      <div className="border-line-1 border-b px-(--gutter) pb-2">
        <LiveCharts pod={pod} migrations={migrations} now={now} />
      </div>
      <div className="grid grid-cols-[minmax(0,1fr)_560px] px-(--gutter) pb-8 max-xl:grid-cols-1">
        <div className="min-w-0">
          <PodProgramsTable pod={pod} view={view} />
          <UserProgramsSection pod={pod} />
          <DropsSection pod={pod} />
          <PacketChecksSection pod={pod} />
          <GuardSection pod={pod} openMigration={sheet.openMigration} />
        </div>
        <div className="min-w-0 xl:ml-4 xl:border-line-1 xl:border-l xl:pl-4">
          <MigrationList migrations={migrations} open={sheet.openMigration} />
          <EventsSection podId={pod.id} />
          <NetworkSection pod={pod} />
        </div>
      </div>
      {sheet.state.show !== 'nothing' && (
        <Suspense fallback={null}>
          <MigrationSheet pod={pod} migrations={migrations} sheet={sheet} />
        </Suspense>
      )}
    </>
  );
}

/** Shows the path diagram, an empty space until the path has been read, or a text if the pod is gone. */
function Path({ pod, view }: { pod: Pod; view: PathDiagramData | null }) {
  if (view !== null) return <PacketPathDiagram name={pod.name} view={view} />;
  if (pod.state === 'gone') return <p className="py-4 text-ink-2">{pathText.gone}</p>;
  return <div className="h-80" aria-busy="true" />;
}
