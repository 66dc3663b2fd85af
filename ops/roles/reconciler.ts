import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { reconcileDeliveries } from '../../queue/use-cases/reconcile-deliveries.ts'

/** Finds queued jobs whose delivery was lost; it looks six times in the time after which it asks, at most each second and at least each 5 s. */
export function makeReconciler(deps: QueueDeps): Component {
  return every(
    Math.min(5000, Math.max(1000, deps.settings.deliveryLookupMs / 6)),
    async () => {
      await reconcileDeliveries(deps)
    },
    { name: 'reconciler', log: deps.log },
  )
}
