import type { Metadata } from 'next';
import { RuleEditorPage } from '../_editor/rule-editor.tsx';
import { rulesText } from '../text.ts';

export const metadata: Metadata = { title: rulesText.editorTitle };

export default function RulesEditorRoute() {
  return <RuleEditorPage />;
}
