import { describeNeed } from '../../../queue/domain/tiers.ts'
import { findOversized } from '../../../queue/use-cases/find-oversized.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'
import { type Finding, ok, warning } from './finding.ts'

const shown = 5

/** Whether some node is large enough for what queued jobs ask for. */
export async function checkSizes(deps: Pick<QueueDeps, 'jobs' | 'nodes'>): Promise<Finding> {
  const oversized = await findOversized(deps)
  if (oversized.length === 0) return ok('sizes', 'No queued job asks for more than a node of its tier has.')
  const waiting = oversized
    .slice(0, shown)
    .map((need) => `${String(need.jobs)} for ${describeNeed(need)} (tier ${need.tier})`)
  const more = oversized.length > shown ? `, and for ${String(oversized.length - shown)} more sizes` : ''
  return warning(
    'sizes',
    `Jobs wait for more than any node of their tier has: ${waiting.join(', ')}${more}.`,
    'Start a larger worker of the tier, give its workers more by NODE_CPUS, NODE_MEMORY_MB or NODE_GPUS, or cancel the jobs.',
  )
}
