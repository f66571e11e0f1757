'use client';

import {
  ArrowLeftRight,
  ArrowRightLeft,
  Info,
  Layers,
  type LucideIcon,
  Plug,
  Power,
  ShieldAlert,
  ShieldCheck,
  Unplug,
  Wrench,
} from 'lucide-react';
import { useState } from 'react';
import type { AgentEvent } from '../../../../contract/agent-event.ts';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { usePodEvents } from '../../../_lib/event-queries.ts';
import { formatClockTime, formatDay } from '../../../_lib/format.ts';
import { useCurrentTime } from '../../../_lib/use-current-time.ts';
import {
  eventsText,
  formatEventLabel,
  formatShowAllEventsLabel,
  formatShowLatestEventsLabel,
} from './text.ts';

/** Number of events shown before the user asks for all. */
const shownAtFirst = 8;

/** Shows a pod's events, newest first, each with its time, label and message. */
export function EventsSection({ podId }: { podId: string }) {
  const { data: events, error } = usePodEvents(podId);
  const [all, setAll] = useState(false);
  if (events === undefined && error === null) return null;
  const shown = all ? (events ?? []) : (events ?? []).slice(0, shownAtFirst);
  return (
    <section aria-labelledby="events" className="min-w-0 pt-2">
      <div className="flex h-8 items-center gap-3">
        <h2 id="events" className="font-semibold">
          {eventsText.title}
        </h2>
        {(events?.length ?? 0) > shownAtFirst && (
          <button type="button" className="link text-12" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? formatShowLatestEventsLabel(shownAtFirst) : formatShowAllEventsLabel(events?.length ?? 0)}
          </button>
        )}
      </div>
      <ul className="border-line-2 border-t">
        {shown.map((event) => (
          <Line key={event.id} event={event} />
        ))}
        {shown.length === 0 && (
          <li className="flex min-h-9 items-center gap-1.5 border-line-1 border-b py-1 text-12 text-ink-2">
            {error === null ? eventsText.none : error.message}
          </li>
        )}
      </ul>
    </section>
  );
}

function Line({ event }: { event: AgentEvent }) {
  const now = useCurrentTime();
  const { time, type, message, severity } = event;
  const at = Date.parse(time);
  const today = new Date(at).toDateString() === new Date(now).toDateString();
  return (
    <li className="grid grid-cols-[56px_16px_minmax(0,1fr)] gap-x-2.5 border-line-1 border-b py-1.5 text-12">
      <time className="text-muted tabular-nums" dateTime={time} title={formatClockTime(at)}>
        {now === 0 || today ? formatClockTime(at, at) : formatDay(at)}
      </time>
      <span className="grid h-4 place-items-center">
        <EventIcon event={event} />
      </span>
      <span className="min-w-0">
        <b className={`font-[550] ${severity === 'error' ? 'text-signal-text' : ''}`}>
          {formatEventLabel(type)}
        </b>{' '}
        <span className="text-ink-2 [overflow-wrap:anywhere]">{message}</span>
      </span>
    </li>
  );
}

const icons: Partial<Record<AgentEvent['type'], LucideIcon>> = {
  'agent.started': Power,
  'pod.attached': Plug,
  'pod.detached': Unplug,
  'migration.done': ArrowRightLeft,
  'migration.recovered': ArrowRightLeft,
  'hooks.moved': ArrowLeftRight,
  'checks.changed': ShieldCheck,
  'guard.repaired': ShieldCheck,
  'guard.fallback': ShieldAlert,
  'guard.left-alone': ShieldAlert,
  'guard.resumed': ShieldCheck,
  'guard.changed': ShieldCheck,
  drift: Wrench,
};

/**
 * Draws the icon of an event: a triangle for errors, otherwise an icon for the event's type, muted unless it is a
 * warning.
 */
function EventIcon({ event: { type, severity } }: { event: AgentEvent }) {
  if (severity === 'error') return <WarningIcon />;
  const Icon = icons[type] ?? (type.startsWith('batch.') ? Layers : Info);
  return (
    <>
      <Icon
        aria-hidden="true"
        className={`size-3.5 ${severity === 'warning' ? 'text-signal-text' : 'text-muted'}`}
        strokeWidth={1.6}
      />
      {severity === 'warning' && <span className="sr-only">{eventsText.warning}</span>}
    </>
  );
}
