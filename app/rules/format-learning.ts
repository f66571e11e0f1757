import type { RulesLearning } from '../../contract/rules.ts';
import { formatClockTime, formatCount } from '../_lib/format.ts';
import { rulesText } from './text.ts';

/** Says until when existing connections are learned, and how many were seen. */
export const formatLearning = ({ until, connections }: RulesLearning): string =>
  rulesText.learning(formatClockTime(Date.parse(until)), formatCount(connections));
