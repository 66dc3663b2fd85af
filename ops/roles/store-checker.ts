import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import { makeStoreChecks } from '../../queue/use-cases/check-stores.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'

/** Looks at its start and then twice a minute whether the stores are set up as they must be. */
export function makeStoreChecker(deps: QueueDeps): Component {
  return every(30_000, makeStoreChecks(deps), { name: 'store checker', log: deps.log })
}
