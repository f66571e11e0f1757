import { mapRawAttribute, type RawObject, rawString } from '../../netlink/raw-object.ts';
import { ifa } from './rtnetlink-constants.ts';

/** Returns an address with its label changed from one interface name to another: `eth0:1` to `pn4:1`. */
export const replaceAddressLabel = (address: RawObject, from: string, to: string): RawObject =>
  mapRawAttribute(address, ifa.label, (value) => {
    const label = value.toString('utf8').replace(/\0.*$/s, '');
    return label === from || label.startsWith(`${from}:`)
      ? rawString(`${to}${label.slice(from.length)}`)
      : value;
  });
