import { EmptyState } from '../../_components/empty-state.tsx';
import { podListText } from './text.ts';

/** Renders a message on a node where nobody but Podlane has pods. */
export const NoObservedPodsNotice = () => (
  <div className="px-(--gutter) py-6">
    <EmptyState title={podListText.noObserved}>
      <p>{podListText.noObservedDetail}</p>
    </EmptyState>
  </div>
);
