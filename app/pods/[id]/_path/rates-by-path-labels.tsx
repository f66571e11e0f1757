import Link from 'next/link';
import type { CSSProperties } from 'react';
import { LiveNumber } from './live-number.tsx';
import css from './path.module.css';
import type { PathDiagramData } from './path-diagram-types.ts';
import { isExactRate, type RateBounds } from './rates-by-path.ts';
import { pathText } from './text.ts';

/** Shows the rates of redirected packets in both directions, or a note that redirect is off. */
export function RedirectRateLabel({ view, style }: { view: PathDiagramData; style: CSSProperties }) {
  const { redirect, redirectSetting, traffic } = view;
  const hasTraffic = (traffic.redirected ?? 0) > 0 || (traffic.ingressRedirected?.atLeast ?? 0) > 0;
  return (
    <div className={css.words} style={style} data-redirect={redirect ? 'on' : 'off'}>
      <b className={redirect ? 'text-kind-text!' : ''} title={pathText.redirectBy[redirectSetting]}>
        {redirect ? pathText.redirect : pathText.redirectOff}
      </b>
      {redirect || hasTraffic ? (
        <>
          <span data-slot="" title={pathText.redirectedOutDetail}>
            <LiveNumber value={traffic.redirected} unit={pathText.egressPps} reason={pathText.noSample} />
          </span>
          <span data-slot="" title={pathText.redirectedInDetail}>
            <BoundedRateNumber value={traffic.ingressRedirected} unit={pathText.ingress} />
          </span>
        </>
      ) : redirectSetting === 'pod' ? (
        <span className="text-muted">{pathText.redirectOffForPod}</span>
      ) : (
        <span className="text-muted">
          {pathText.redirectOffNote}{' '}
          <Link className="link" href="/settings#redirect">
            {pathText.settingsLink}
          </Link>
        </span>
      )}
    </div>
  );
}

/** Shows the packet rates between the host stack and the node's other pods. */
export function HostRouteRateLabel({
  view: { traffic },
  style,
}: {
  view: PathDiagramData;
  style: CSSProperties;
}) {
  return (
    <div className={css.words} style={style} title={pathText.otherPodsDetail}>
      <span className="text-muted">{pathText.allPods}</span>
      <span data-slot="">
        <BoundedRateNumber value={traffic.hostToPods} unit={pathText.egressPps} />
      </span>
      <span data-slot="">
        <LiveNumber value={traffic.podsToHost} unit={pathText.ingress} reason={pathText.noSample} />
      </span>
    </div>
  );
}

/** Shows a rate known within bounds: the lower bound, or the upper bound if the lower one is 0. */
export function BoundedRateNumber({ value, unit }: { value: RateBounds | null; unit: string }) {
  if (value === null || isExactRate(value))
    return <LiveNumber value={value?.atMost ?? null} unit={unit} reason={pathText.noSample} />;
  const isMeasured = value.atLeast > 0;
  return (
    <span title={pathText.boundsDetail}>
      <span className="text-muted">{isMeasured ? '≥' : '≤'}&nbsp;</span>
      <LiveNumber value={isMeasured ? value.atLeast : value.atMost} unit={unit} reason={pathText.noSample} />
    </span>
  );
}
