import { deviceFacts, routeFacts } from './device-facts.ts';
import { DeviceBody, DeviceNames, HookSymbol } from './device-shape.tsx';
import { Figure } from './figure.tsx';
import { FlowArrows, FlowPaths } from './flow-paths.tsx';
import { flowRates, isSharedFlow } from './flows.ts';
import { addressLines, ContainerBox, Facts, HostBox, UplinkBox } from './hop-boxes.tsx';
import css from './path.module.css';
import { hooksAreOnHost, netnsName, type PathView } from './path-view.ts';
import { OtherPodsList, otherPodsRows } from './pods-list.tsx';
import { Chips, programCounts } from './program-chips.tsx';
import { pathText } from './text.ts';
import { BoundedFigure, HostRouteLabel, RedirectLabel } from './traffic-split-labels.tsx';
import { uprightLayout } from './upright-layout.ts';
import type { LayoutBox } from './wide-layout.ts';

const placed = ({ x, y, width, height }: LayoutBox) => ({ left: x, top: y, width, height });

/** Draws the path from top to bottom, for narrow windows. */
export function UprightDiagram({ view, width: available }: { view: PathView; width: number }) {
  const { device, host, rates, uplink } = view;
  const programs = programCounts(view);
  const rows = otherPodsRows(view.pods);
  const facts = [...deviceFacts(view), ...routeFacts(view)];
  const layout = uprightLayout(available, device?.kind ?? 'veth', programs, uplink !== null, rows, {
    atPrimary: hooksAreOnHost(device),
    addresses: addressLines(view.container).length,
    facts: facts.length,
  });
  const rate = flowRates(view);
  const { width, hooks } = layout;
  const drawn = layout.stretches.filter(({ id }) => device !== null || isSharedFlow(id));
  const place = ({ chips }: typeof hooks.egress) => ({
    left: chips.x,
    top: chips.y,
    width: chips.width,
  });
  return (
    <div className={css.path} data-live={view.live} style={{ width, height: layout.height }}>
      <svg width={width} height={layout.height} viewBox={`0 0 ${width} ${layout.height}`} aria-hidden="true">
        <path className={css.edge} d={`M0 ${layout.edge}H${width}`} />
        {device !== null && <DeviceBody layout={{ ...layout, upright: true }} />}
        <FlowPaths stretches={drawn} rates={rate} />
        {device !== null && (
          <>
            <DeviceNames layout={{ ...layout, upright: true }} device={device} />
            <HookSymbol
              place={hooks.egress}
              drops={(rates?.egressDroppedPackets ?? 0) > 0}
              empty={programs.egress === 0}
            />
            <HookSymbol
              place={hooks.ingress}
              drops={(rates?.ingressDroppedPackets ?? 0) > 0}
              empty={programs.ingress === 0}
            />
          </>
        )}
        <FlowArrows stretches={drawn} />
      </svg>
      <ContainerBox hop={view.container} style={placed(layout.container)} />
      {device === null && (
        <p className={css.zone} style={{ left: 104, top: layout.device.y + 18 }}>
          {pathText.noDevice}
        </p>
      )}
      <Chips view={view} direction="egress" style={place(hooks.egress)} />
      <div
        className={`${css.zone} truncate`}
        style={{ left: 104, top: layout.edge - 20, maxWidth: width - 104 }}
      >
        {pathText.podNamespace} <span className="code">{netnsName(view.container.netns)}</span>
      </div>
      <div className={css.zone} style={{ left: 104, top: layout.edge + 4 }}>
        {pathText.hostNamespace}
      </div>
      <div className={css.figures} style={{ left: 84, top: layout.host.y - 24 }}>
        <Figure value={view.traffic.hostRouted} unit={`${pathText.egressPps},`} reason={pathText.noSample} />{' '}
        <BoundedFigure value={rate['host-ingress']} unit={pathText.ingress} />
      </div>
      {host !== null && <HostBox hop={host} device={device} style={placed(layout.host)} />}
      {uplink !== null && layout.uplink !== null && (
        <>
          <div className={css.figures} style={{ left: 84, top: layout.uplink.y - 31 }}>
            <Figure
              value={rate['uplink-egress']?.atMost ?? null}
              unit={`${pathText.egress},`}
              reason={pathText.needsTwoReadings}
            />{' '}
            <Figure
              value={rate['uplink-ingress']?.atMost ?? null}
              unit={pathText.ingress}
              reason={pathText.needsTwoReadings}
            />
            <span className="text-muted"> {pathText.allPods}</span>
          </div>
          <UplinkBox hop={uplink} rates={view.uplinkRates} style={placed(layout.uplink)} />
        </>
      )}
      <HostRouteLabel view={view} style={{ left: 0, top: layout.pods - 42 }} />
      {device !== null && <RedirectLabel view={view} style={{ left: 0, top: layout.pods - 22 }} />}
      <OtherPodsList pods={view.pods} style={{ left: 0, top: layout.pods, width }} />
      <Chips view={view} direction="ingress" style={place(hooks.ingress)} />
      <div style={{ left: 0, top: layout.foot, width }}>
        <Facts align="left" rows={facts} />
      </div>
    </div>
  );
}
