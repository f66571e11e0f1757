'use client';

import { Search, TriangleAlert } from 'lucide-react';
import { type ReactNode, useEffect, useRef } from 'react';
import { Key } from '../../_components/button.tsx';
import { KindGlyph } from '../../_components/kind.tsx';
import type { Facets, View } from './view.ts';

interface FilterBarProps {
  view: View;
  change: (change: Partial<View>) => void;
  /** Null while the pods are not known. */
  facets: Facets | null;
}

const shownNamespaces = 6;

/** Text and facets. Facets of one group widen what is shown, groups narrow it. */
export function FilterBar({ view, change, facets }: FilterBarProps) {
  const all = facets?.namespaces ?? [];
  const chosen = all.filter(([name]) => view.namespaces.includes(name));
  const rest = all.filter(([name]) => !view.namespaces.includes(name));
  const namespaces = [...chosen, ...rest].slice(0, Math.max(shownNamespaces, chosen.length));
  return (
    <search className="z-10 flex min-h-11 flex-wrap items-center gap-1 border-line-1 border-b bg-surface-0 px-(--gutter) py-1 md:sticky md:top-(--chrome)">
      <FilterField text={view.text} change={(text) => change({ text })} />
      <div className="flex flex-wrap items-center gap-1 max-md:-mx-2">
        {(['netkit', 'veth'] as const).map((kind) => (
          <Facet
            key={kind}
            count={facets?.kinds[kind]}
            on={view.kinds.includes(kind)}
            toggle={() => change({ kinds: toggled(view.kinds, kind) })}
          >
            <KindGlyph kind={kind} />
            {kind}
          </Facet>
        ))}
        {namespaces.length > 0 && <Rule />}
        {namespaces.map(([name, pods]) => (
          <Facet
            key={name}
            count={pods}
            on={view.namespaces.includes(name)}
            toggle={() => change({ namespaces: toggled(view.namespaces, name) })}
          >
            {name}
          </Facet>
        ))}
        {((facets?.attention ?? 0) > 0 || view.attention) && (
          <>
            <Rule />
            <Facet
              count={facets?.attention}
              on={view.attention}
              toggle={() => change({ attention: !view.attention })}
            >
              <TriangleAlert aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
              Attention
            </Facet>
          </>
        )}
      </div>
    </search>
  );
}

function FilterField({ text, change }: { text: string; change: (text: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    function focus(event: KeyboardEvent): void {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof HTMLElement && event.target.closest('input, textarea, [role=dialog]'))
        return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    }
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);
  return (
    <label className="mr-2 flex h-(--control) w-[260px] min-w-0 items-center gap-2 rounded-2 border border-line-control bg-surface-1 px-2 text-ink-2 has-[:focus-visible]:outline-2 has-[:focus-visible]:outline-focus has-[:focus-visible]:outline-offset-2 max-md:mr-0 max-md:w-full max-md:flex-none">
      <Search aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
      <input
        ref={input}
        value={text}
        onChange={(event) => change(event.target.value)}
        placeholder="Name, address, ifindex, slot"
        aria-label="Filter pods"
        aria-keyshortcuts="/"
        spellCheck={false}
        autoComplete="off"
        enterKeyHint="search"
        data-filter
        className="min-w-0 flex-1 text-ink-1 outline-none placeholder:text-muted placeholder:opacity-100"
      />
      <span aria-hidden="true" className="max-md:hidden">
        <Key>/</Key>
      </span>
    </label>
  );
}

interface FacetProps {
  count: number | undefined;
  on: boolean;
  toggle: () => void;
  children: ReactNode;
}

function Facet({ count, on, toggle, children }: FacetProps) {
  return (
    <button
      type="button"
      aria-pressed={on}
      onClick={toggle}
      className="inline-flex h-(--control) items-center gap-1.5 whitespace-nowrap rounded-2 px-2 text-12 text-ink-2 hover:bg-surface-2 aria-pressed:bg-surface-3 aria-pressed:text-ink-1"
    >
      {children}
      <span className={`tabular-nums ${on ? 'text-ink-2' : 'text-muted'}`}>{count}</span>
    </button>
  );
}

const Rule = () => <span className="mx-2 h-5 w-px bg-line-2 max-md:hidden" />;

function toggled<T>(list: readonly T[], item: T): T[] {
  return list.includes(item) ? list.filter((other) => other !== item) : [...list, item];
}
