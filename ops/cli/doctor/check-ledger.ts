import type { Count } from '../../../queue/store/ledger-table.ts'
import { findUndelivered } from '../../../queue/use-cases/balance-ledger.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { failure, type Finding, ok, warning } from './finding.ts'

/** Whether every accepted job is accounted for. Where there are too many jobs to count them all now, what ops has counted so far is told. */
export async function checkLedger(
  deps: Pick<QueueDeps, 'ledger' | 'deliveries' | 'tiers'>,
): Promise<Finding> {
  const all = await deps.ledger.countAll()
  return judgeLedger(
    all ?? { ...(await deps.ledger.readGap()), isPartial: true },
    await findUndelivered(deps),
  )
}

type Counted = Count | (Pick<Count, 'missing' | 'surplus' | 'examples'> & { isPartial: true })

export function judgeLedger(counted: Counted, undelivered: readonly string[]): Finding {
  const check = 'ledger'
  const { missing, surplus, examples } = counted
  if (missing > 0 || surplus > 0)
    return failure(
      check,
      `Jobs are not accounted for: ${String(missing)} were accepted but have neither ended nor are live, ${String(surplus)} ended twice or live on (${examples.join(', ')}).`,
      'Keep a copy of the database as it is, and look these ids up in job_events, in the logs and in the last backup.',
    )
  if (undelivered.length > 0)
    return warning(
      check,
      `${String(undelivered.length)} queued jobs are not to be found in Redis (${undelivered.slice(0, 5).join(', ')}).`,
      'Ops delivers them again by itself within a minute; see that it runs.',
    )
  return 'isPartial' in counted
    ? ok(check, 'There are too many jobs to count them all now; what ops has counted of them adds up.')
    : ok(
        check,
        `It adds up: ${String(counted.accepted)} accepted = ${String(counted.ended)} ended + ${String(counted.live)} live.`,
      )
}
