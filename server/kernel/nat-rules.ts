import { readFileSync } from 'node:fs';

/** Files that list the tables of iptables-legacy that the namespace of this thread uses. */
const legacyTables = {
  iptables: '/proc/net/ip_tables_names',
  ip6tables: '/proc/net/ip6_tables_names',
} as const;

/** Lists the commands of iptables-legacy whose table `nat` this namespace uses. */
export const listLegacyNat = (): (keyof typeof legacyTables)[] =>
  (['iptables', 'ip6tables'] as const).filter((command) => {
    try {
      return readFileSync(legacyTables[command], 'utf8').split('\n').includes('nat');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false; // no iptables-legacy
      throw error;
    }
  });
