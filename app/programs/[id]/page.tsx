import type { Metadata } from 'next';
import { ProgramPage } from './program-page.tsx';

interface Props {
  params: Promise<{ id: string }>;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: `Program ${(await params).id}` };
}

export default async function Page({ params }: Props) {
  return <ProgramPage id={Number((await params).id)} />;
}
