import type { Metadata } from 'next';
import { PacketVerdictLookup } from '../_explain/packet-verdict-lookup.tsx';
import { rulesText } from '../text.ts';

export const metadata: Metadata = { title: rulesText.lookupTitle };

export default function RulesExplainRoute() {
  return <PacketVerdictLookup />;
}
