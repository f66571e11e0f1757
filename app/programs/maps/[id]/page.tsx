import type { Metadata } from 'next';
import { mapsText } from '../text.ts';
import { MapPage } from './map-page.tsx';

interface Props {
  params: Promise<{ id: string }>;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: mapsText.mapTitleOf((await params).id) };
}

export default async function ProgramsMapsDetailRoute({ params }: Props) {
  return <MapPage id={Number((await params).id)} />;
}
