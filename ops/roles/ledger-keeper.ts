import { performance } from 'node:perf_hooks'
import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import { balanceLedger } from '../../queue/use-cases/balance-ledger.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'

/** A gap that stays this long will not close by itself: the reconciler had its time. */
const alarmMs = 120_000

/** Proves again and again that no accepted job was lost, and calls for a human when one was. */
export function makeLedgerKeeper(deps: QueueDeps): Component {
  let openSinceMs: number | undefined
  let isToldOf = false
  return every(
    15_000,
    async () => {
      const { examples, ...kinds } = await balanceLedger(deps)
      for (const [kind, jobs] of Object.entries(kinds)) deps.metrics.ledgerGap.set({ kind }, jobs)
      if (Object.values(kinds).every((jobs) => jobs === 0)) {
        if (isToldOf) deps.log.info('the ledger adds up again')
        openSinceMs = undefined
        isToldOf = false
        return
      }
      openSinceMs ??= performance.now()
      if (isToldOf || performance.now() - openSinceMs < alarmMs) return
      isToldOf = true
      deps.log.error('the ledger does not add up: jobs are not accounted for', { ...kinds, examples })
    },
    { name: 'ledger keeper', log: deps.log },
  )
}
