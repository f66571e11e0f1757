import type { Metadata } from 'next';
import { programsText } from '../text.ts';
import { ProgramPage } from './program-page.tsx';

interface Props {
  params: Promise<{ id: string }>;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: programsText.programTitleOf((await params).id) };
}

export default async function ProgramsDetailRoute({ params }: Props) {
  return <ProgramPage id={Number((await params).id)} />;
}
