import type { Logger } from '../../core/logger.ts'
import { within } from '../../core/within.ts'
import type { Assignment__Output } from '../../proto/generated/noodle/v1/Assignment.ts'
import type { Intake } from '../../queue/intake/claim-loop.ts'
import type { IntakeOptions } from '../way.ts'
import type { GatewayLink } from './gateway-link.ts'
import { toClaimedJob, toGrant } from './messages.ts'
import type { WorkStream } from './work-stream.ts'

/** How long a stopping node waits for the word that no more jobs come. */
const lastJobsMs = 2000

/** The jobs that a gateway sends to this node, which it has claimed for it. */
export function makeRemoteIntake(
  link: GatewayLink,
  { lease, runs, carry, capacity, gpuIds = [], log }: IntakeOptions & { log: Logger },
): Intake {
  let stopping = new AbortController()
  let isDrained = false
  let isOver = false
  let wake: () => void = () => undefined
  const drained = new Promise<void>((resolve) => (wake = resolve))

  link.hearer.hello = (bootId) => ({
    bootId,
    gpuShares: capacity.gpuShares,
    draining: stopping.signal.aborted,
    held: runs
      .list()
      .filter(({ boot }) => boot.id === bootId)
      .map(({ job, allocation }) => ({
        jobId: job.id,
        fence: job.fence,
        allocation: Buffer.from(JSON.stringify(allocation)),
      })),
  })
  link.hearer.onDrained = () => {
    if (!stopping.signal.aborted) return // said before it was called back
    isDrained = true
    if (isOver) wake()
  }
  // Its hello may be older than that, and only this is answered.
  link.hearer.onOpen = (stream) => {
    if (stopping.signal.aborted) stream.tellDraining()
  }
  link.hearer.onJob = (message, stream) => {
    // Before anything is waited for: the next renewal lists it, and must find that it is on its way.
    const arrived = runs.beginClaim(message.jobId)
    void begin(message, stream)
      .catch((error: unknown) =>
        log.error('a bug kept a job from being begun; it will be handed back', {
          jobId: message.jobId,
          error,
        }),
      )
      .finally(arrived)
  }

  async function begin(message: Assignment__Output, stream: WorkStream): Promise<void> {
    const boot = await lease.liveBoot({ waitMs: 0, signal: stopping.signal })
    // A node that stops, or may be given up any moment, starts nothing.
    if (!boot || boot.id !== link.bootId()) {
      const { jobId, fence } = message
      await stream.handBack({ jobId, fence, reason: 'node-stopping' }).catch(() => undefined)
      return
    }
    if (runs.find(message.jobId, Number(message.fence))) return
    const run = runs.begin(toClaimedJob(message), boot, toGrant(message, gpuIds))
    void carry(run, () => undefined).finally(() => runs.end(run))
  }

  function stopIntake(): void {
    if (stopping.signal.aborted) return
    stopping.abort()
    link.openStream()?.tellDraining()
  }

  return {
    name: 'jobs of the gateway',
    start: () => Promise.resolve(),
    stopIntake,
    resumeIntake() {
      if (isOver || !stopping.signal.aborted) return
      stopping = new AbortController()
      isDrained = false
      link.renewStream() // a gateway that was told to send no more jobs goes on when the node comes anew
    },
    isDrained: () => isDrained && runs.count() === 0,
    async stop() {
      isOver = true
      stopIntake()
      if (link.openStream() && !isDrained) await within(lastJobsMs, drained)
    },
  }
}
