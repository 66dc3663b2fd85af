import { formatVersion } from './claim.ts'

/**
 * SQL: the format that a new row gets. The newest once every live node reads it; until then, and while there is none, the one before: the next node to come up may be of the
 * version before. A statement that writes rows asks the registry itself, so that no answer is out of date.
 */
export const formatToWrite = (newest: number = formatVersion): string =>
  newest <= 1
    ? '1' // there is none before
    : `(SELECT CASE WHEN min(reads_format) >= ${String(newest)} THEN ${String(newest)} ELSE ${String(newest - 1)} END
        FROM nodes WHERE nodes.state IN ('ready', 'draining'))`
