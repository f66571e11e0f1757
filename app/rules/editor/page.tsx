import type { Metadata } from 'next';
import { RuleEditor } from '../_editor/rule-editor.tsx';
import { rulesText } from '../text.ts';

export const metadata: Metadata = { title: rulesText.editorTitle };

export default function Page() {
  return <RuleEditor />;
}
