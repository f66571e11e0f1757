import type { PathService } from '../../../../contract/pod-path.ts';
import { formatServiceBackends, formatServiceTitle, pathText } from './text.ts';

/** Lists the services of the cluster that a pod has connections to, and where the host's NAT leads these. */
export function ServiceList({ services }: { services: readonly PathService[] }) {
  if (services.length === 0) return null;
  return (
    <div className="pb-1.5 text-12 text-ink-2">
      {pathText.services}
      <ul>
        {services.map((service) => (
          <li key={`${service.address} ${service.protocol} ${service.port}`}>
            <b className="font-[550]">{`service ${service.namespace}/${service.name}`}</b>{' '}
            {formatServiceTitle(service)} → {formatServiceBackends(service)}
          </li>
        ))}
      </ul>
    </div>
  );
}
