'use client';

import { ChevronDown } from 'lucide-react';
import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { DropdownMenu } from 'radix-ui';
import { sharedText } from '../_text/shared.ts';

const pages = [
  { href: '/pods', label: sharedText.pods },
  { href: '/preflight', label: sharedText.preflight },
  { href: '/programs', label: sharedText.programs },
  { href: '/rules', label: sharedText.rules },
  { href: '/verdicts', label: sharedText.verdicts },
  { href: '/trace', label: sharedText.trace },
  { href: '/debug', label: sharedText.debug },
  { href: '/settings', label: sharedText.settings },
] as const;

const useCurrentPage = () => {
  const path = usePathname();
  return pages.find(({ href }) => path === href || path.startsWith(`${href}/`));
};

/** Renders the main navigation: links side by side, or, on narrow screens, a menu labeled with the current page. */
export function MainNav() {
  const current = useCurrentPage();
  return (
    <nav aria-label={sharedText.mainNav} className="h-full">
      <div className="flex h-full gap-0.5 max-lg:hidden">
        {pages.map(({ href, label }) => (
          <Link
            key={href}
            href={href}
            aria-current={href === current?.href ? 'page' : undefined}
            className="relative flex items-center px-2.5 text-ink-2 hover:text-ink-1 aria-[current]:font-[550] aria-[current]:text-ink-1 aria-[current]:after:absolute aria-[current]:after:inset-x-2.5 aria-[current]:after:-bottom-px aria-[current]:after:h-0.5 aria-[current]:after:bg-accent"
          >
            {label}
          </Link>
        ))}
      </div>
      <div className="flex h-full items-center lg:hidden">
        <DropdownMenu.Root modal={false}>
          <DropdownMenu.Trigger
            className="inline-flex h-(--control) items-center gap-1 rounded-2 border border-line-2 bg-surface-1 pr-1.5 pl-2.5 font-[550] hover:bg-surface-2"
            aria-label={current === undefined ? sharedText.menu : sharedText.currentPage(current.label)}
          >
            {current?.label ?? sharedText.menu}
            <ChevronDown aria-hidden="true" className="size-3.5 text-muted" strokeWidth={1.6} />
          </DropdownMenu.Trigger>
          <DropdownMenu.Portal>
            <DropdownMenu.Content
              align="start"
              sideOffset={4}
              className="z-50 min-w-40 rounded-3 border border-line-control bg-surface-1 p-1 shadow-2"
            >
              {pages.map(({ href, label }) => (
                <DropdownMenu.Item key={href} asChild>
                  <Link
                    href={href}
                    aria-current={href === current?.href ? 'page' : undefined}
                    className="flex h-9 items-center rounded-2 px-2.5 outline-none aria-[current]:font-semibold data-[highlighted]:bg-surface-2 aria-[current]:text-accent-text"
                  >
                    {label}
                  </Link>
                </DropdownMenu.Item>
              ))}
            </DropdownMenu.Content>
          </DropdownMenu.Portal>
        </DropdownMenu.Root>
      </div>
    </nav>
  );
}
