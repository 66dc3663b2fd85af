import { performance } from 'node:perf_hooks'
import { every } from '../core/every.ts'
import type { Component } from '../core/lifecycle.ts'
import type { QueueDeps } from '../queue/use-cases/queue-deps.ts'

/** Whether this process does the duties that only one may do at a time. */
export interface Leader extends Component {
  /** The term that it leads in, certain by its own clock; null while it does not lead. To be asked right before each deed: a process may have been frozen since. */
  term(): number | null
}

/** Another leads at most this and `everyMs` after a leader died. */
const leaseMs = 3000
const everyMs = 1000
/** How long before its end, as this process reckons it, a lease counts no more: a deed that was begun may take as long. */
const marginMs = 500

/** Takes the lead when nobody has it, and keeps it. `session` is how this process' sessions with Postgres are called. */
export function makeLeader(
  deps: Pick<QueueDeps, 'leader' | 'metrics' | 'newId' | 'log'>,
  session: string,
): Leader {
  const holder = deps.newId()
  let held: { term: number; untilMs: number } | undefined

  async function tick(): Promise<void> {
    const sentAtMs = performance.now()
    const term = await deps.leader.take(holder, session, leaseMs)
    if (term !== null && term !== held?.term) deps.log.info('this process leads', { term })
    if (term === null && held) deps.log.warn('another process leads', { term: held.term })
    held = term === null ? undefined : { term, untilMs: sentAtMs + leaseMs - marginMs }
    deps.metrics.leads.set(held ? 1 : 0)
  }

  const loop = every(everyMs, tick, { name: 'leader', log: deps.log })
  return {
    name: loop.name,
    start: () => loop.start(),
    async stop() {
      await loop.stop()
      if (!held) return
      held = undefined
      await deps.leader.resign(holder).catch(() => undefined) // then it runs out by itself
    },
    term: () => (held && performance.now() < held.untilMs ? held.term : null),
  }
}
