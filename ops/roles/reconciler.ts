import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { reconcileDeliveries, redeliverUnsent } from '../../queue/use-cases/reconcile-deliveries.ts'

/** Finds queued jobs whose delivery was never sent, or was lost. */
export function makeReconciler(deps: QueueDeps): Component {
  return every(
    1000,
    async () => {
      await redeliverUnsent(deps)
      await reconcileDeliveries(deps)
    },
    { name: 'reconciler', log: deps.log },
  )
}
