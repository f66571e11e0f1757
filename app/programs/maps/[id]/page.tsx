import type { Metadata } from 'next';
import { bpfMapsText } from '../text.ts';
import { BpfMapPage } from './map-page.tsx';

interface Props {
  params: Promise<{ id: string }>;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: bpfMapsText.mapTitleOf((await params).id) };
}

export default async function ProgramsMapsDetailRoute({ params }: Props) {
  return <BpfMapPage id={Number((await params).id)} />;
}
