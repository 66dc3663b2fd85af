import { canaryTenant, canaryUserId } from '../domain/canary.ts'
import type { CanaryTurn } from '../store/canaries-table.ts'
import type { NewJob } from '../store/jobs/accept.ts'
import type { QueueDeps } from './queue-deps.ts'

const everyMs = 30_000
/** A canary that did not start by then tells enough. */
const expireMs = 60_000
const timeoutMs = 10_000
const keepMs = 600_000

/**
 * Submits a canary to each tier that has ready nodes and whose turn it is: one in 30 s however many processes call this, and none while the last one
 * is live. Notes what has come through, and removes old ones.
 */
export async function sendCanaries(
  deps: Pick<QueueDeps, 'canaries' | 'acceptBatch' | 'signals' | 'tiers' | 'newId'>,
  pace: { everyMs: number; keepMs: number } = { everyMs, keepMs },
): Promise<void> {
  await deps.canaries.noteSuccesses()
  await deps.canaries.prune(pace.keepMs)
  const turns = await deps.canaries.takeTurns(
    deps.tiers.map(({ name }) => ({ tier: name, id: deps.newId() })),
    { everyMs: pace.everyMs, expireMs },
  )
  const answers = await Promise.all(turns.map((turn) => deps.acceptBatch.add(aCanary(turn))))
  if (answers.some((answer) => answer.kind === 'accepted' && answer.state === 'pending'))
    deps.signals.tellSubmitted()
}

/** First in its queue, asking for next to nothing: it measures the way, not the backlog. */
const aCanary = ({ tier, id, expiresAt }: CanaryTurn): NewJob => ({
  id,
  tenant: canaryTenant,
  userId: canaryUserId,
  spec: {
    task: 'echo',
    payload: null,
    tier,
    resources: { cpu: 0, memoryMb: 0, gpu: 0 },
    priority: 9,
    runAt: null,
    delayMs: 0,
    timeoutMs,
    expiresAt,
    retry: { maxAttempts: 1, backoffMs: 0, strategy: 'fixed' },
    labels: {},
    replayOf: null,
  },
  idempotency: null,
})
