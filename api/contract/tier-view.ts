import { z } from 'zod'
import type { TierStatus } from '../../queue/use-cases/tier-status.ts'

export const tierView = z
  .object({
    tier: z.string(),
    size: z.object({ cpu: z.number(), memoryMb: z.number(), gpu: z.number() }),
    pending: z.number(),
    queued: z.number(),
    running: z.number(),
    oldestWaitMs: z.number(),
    replicas: z.object({
      ready: z.number(),
      starting: z.number(),
      draining: z.number(),
      desired: z
        .number()
        .describe('Nodes that should be there; those that are ready while nobody decides it.'),
    }),
    arrivalsPerSecond: z.number().describe('Over the last minute.'),
    finishesPerSecond: z.number().describe('Over the last minute.'),
    paused: z.boolean(),
  })
  .meta({ id: 'Tier' })

/** A tier as clients see it. */
export function toTierView(status: TierStatus): z.output<typeof tierView> {
  const { cpu, memoryMb, gpu } = status.size
  return {
    tier: status.tier,
    size: { cpu, memoryMb, gpu },
    pending: status.pending,
    queued: status.queued,
    running: status.running,
    oldestWaitMs: Math.round(status.oldestWaitMs),
    replicas: status.replicas,
    arrivalsPerSecond: status.arrivalsPerSecond,
    finishesPerSecond: status.finishesPerSecond,
    paused: false,
  }
}
