import { every } from '../../core/every.ts'
import type { Component } from '../../core/lifecycle.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { makeOrphanSweep } from '../../queue/use-cases/remove-orphan-blobs.ts'

/** Removes blobs whose job is not there. */
export function makeBlobSweeper(deps: QueueDeps): Component {
  const sweep = makeOrphanSweep(deps)
  const loop = every(3_600_000, () => sweep.round(), { name: 'blob sweeper', log: deps.log })
  return {
    ...loop,
    async stop() {
      await loop.stop()
      await sweep.stop()
    },
  }
}
