import type { Metadata } from 'next';
import { SettingsPage } from './settings-page.tsx';
import { settingsText } from './text.ts';

export const metadata: Metadata = { title: settingsText.settings };

export default function SettingsRoute() {
  return <SettingsPage />;
}
