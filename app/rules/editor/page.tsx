import type { Metadata } from 'next';
import { RuleEditor } from '../_editor/rule-editor.tsx';

export const metadata: Metadata = { title: 'Edit rules' };

export default function Page() {
  return <RuleEditor />;
}
