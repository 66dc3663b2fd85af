import { randomUUID } from 'node:crypto'
import { appendEffectProgram } from './effect-log.ts'
import type { Random } from './random.ts'

export type JobKind =
  | 'echo'
  | 'short sleep'
  | 'long sleep'
  | 'effect'
  | 'long effect'
  | 'outlasting effect'
  | 'failing'
  | 'crashing'
  | 'cancelled'
  | 'delayed'
  | 'expiring'
  | 'huge'
  | 'poison'

/** How often each kind is drawn. */
export type JobMix = Readonly<Record<JobKind, number>>

export const usualMix: JobMix = {
  echo: 39,
  'short sleep': 14,
  'long sleep': 6,
  effect: 12,
  'long effect': 4,
  'outlasting effect': 0, // only where a fault asks for it: a cycle lasts as long as its longest job
  failing: 3,
  crashing: 3,
  cancelled: 8,
  delayed: 6,
  expiring: 4,
  huge: 1,
  poison: 0, // a fault of its own
}

/** Of one kind only. */
export const onlyOf = (kind: JobKind): JobMix => ({
  ...(Object.fromEntries(Object.keys(usualMix).map((one) => [one, 0])) as JobMix),
  [kind]: 1,
})

/** Large batches are what fills a queue: mostly the smallest jobs, so that their number and not their work is what counts. */
export const batchMix = (mix: JobMix): JobMix => ({ ...mix, echo: mix.echo * 10 })

/** States that a job of a kind may end in, besides `cancelled` for one that was asked to be. */
export const expectedEnds: Record<JobKind, readonly string[]> = {
  echo: ['succeeded'],
  'short sleep': ['succeeded'],
  'long sleep': ['succeeded'],
  effect: ['succeeded'],
  'long effect': ['succeeded'],
  'outlasting effect': ['succeeded'],
  failing: ['failed'],
  crashing: ['failed'],
  cancelled: ['succeeded', 'cancelled'],
  delayed: ['succeeded'],
  expiring: ['succeeded', 'expired'],
  huge: ['succeeded'],
  poison: ['failed'],
}

/** The error codes that a failed job of a kind may have. */
export const expectedErrors: Partial<Record<JobKind, string>> = {
  failing: 'EXIT_CODE',
  crashing: 'SIGNAL',
  poison: 'WORKER_LOST',
}

export interface Submission {
  /** Names the request in labels, journal and logs. */
  request: string
  kind: JobKind
  key: string | null
  body: Record<string, unknown>
  /** How often it is sent, at once; more than once only with a key. */
  copies: number
  /** When to cancel it, after it was accepted. */
  cancelAfterMs: number | null
}

export function drawSubmission(
  random: Random,
  { cycle, effectLog, mix }: { cycle: number; effectLog: string; mix: JobMix },
): Submission {
  const kind = random.pick(
    Object.entries(mix).flatMap(([kind, weight]) => Array<JobKind>(weight).fill(kind as JobKind)),
  )
  const request = randomUUID()
  const hasKey = random.chance(0.85)
  return {
    request,
    kind,
    key: hasKey ? `key-${request}` : null,
    copies: hasKey && random.chance(0.1) ? random.between(2, 3) : 1,
    cancelAfterMs: kind === 'cancelled' ? random.between(0, 900) : null,
    body: {
      ...work(kind, random, effectLog),
      labels: { cycle: String(cycle), request, kind: kind.replace(' ', '-') },
      retry: { maxAttempts: 2, backoffMs: 20, strategy: 'fixed' },
      priority: random.between(3, 6),
    },
  }
}

function work(kind: JobKind, random: Random, effectLog: string): Record<string, unknown> {
  const sleep = (ms: number) => ({ task: 'sleep', payload: { ms } })
  const effect = (seconds: number, end: 'succeed' | 'fail' | 'crash' | 'poison') => ({
    task: 'command',
    payload: { argv: [appendEffectProgram, effectLog, String(seconds), end] },
  })
  switch (kind) {
    case 'echo':
      return {
        task: 'echo',
        payload: { n: random.between(0, 1e9), text: 'x'.repeat(random.between(0, 200)) },
      }
    case 'short sleep':
      return sleep(50)
    case 'long sleep':
      return sleep(2000)
    case 'effect':
      return effect(0.05, 'succeed')
    case 'long effect':
      return effect(1.5, 'succeed')
    case 'outlasting effect':
      return effect(4.8, 'succeed') // longer than a lease of the fast profile and all that follows it
    case 'failing':
      return effect(0, 'fail')
    case 'crashing':
      return effect(0, 'crash')
    case 'cancelled':
      return random.chance(0.5) ? effect(0.5, 'succeed') : sleep(random.between(100, 800))
    case 'delayed':
      return { task: 'echo', payload: { late: true }, delayMs: random.between(200, 1500) }
    case 'huge':
      return { task: 'echo', payload: { text: hugeText(random) } }
    case 'poison':
      return effect(0.05, 'poison')
    case 'expiring':
      return { ...sleep(20), expiresAt: new Date(Date.now() + random.between(100, 1500)).toISOString() }
  }
}

const hugeBytes = 200_000

/** Of a kilobyte again and again: cheap to make, and not the same twice. */
const hugeText = (random: Random): string =>
  Array.from({ length: 250 }, () => random.between(0x1000, 0xffff).toString(16))
    .join('')
    .repeat(hugeBytes / 1000)

/** What no gateway may take: its limit is 1 MiB. */
export const oversizedBody = (): object => ({ task: 'echo', payload: { text: 'x'.repeat(1_100_000) } })
