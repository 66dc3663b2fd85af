import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from './cluster.ts'
import { type HttpClient, openHttpClient } from './http-client.ts'
import {
  batchMix,
  drawSubmission,
  type JobKind,
  type JobMix,
  onlyOf,
  oversizedBody,
  type Submission,
  usualMix,
} from './job-kinds.ts'
import type { Journal } from './journal.ts'
import type { Random } from './random.ts'

/** How long the driver waits for an answer, then it counts as lost. */
const answerDeadlineMs = 15_000
/** Requests that may be under way, retries included. */
const mostInFlight = 150

/** Jobs in a request of `fill`. */
const fillBatch = 5000
/** Jobs in a request of `offer`. */
const offerBatch = 20
const offerDeadlineMs = 10_000

const terminal = new Set(['succeeded', 'failed', 'cancelled', 'expired'])

export interface Workload {
  /** Sends so many jobs at once beside all others, each over a connection of its own; of one kind, or of all. */
  burst(count: number, kind?: JobKind): void
  /** Sends one job so many times at once, each over a connection of its own, with the same key. */
  repeat(copies: number): void
  /** Clients of the overload test, which send small batches of the smallest jobs without keys. */
  offer: Offer
  /** Sends so many of the smallest jobs in large batches, and resolves when all are accepted. */
  fill(count: number): Promise<void>
  /** Sends no new requests, and resolves when those with a key have their answers, or the deadline has come. */
  stop(deadlineMs: number): Promise<void>
}

/** What became of what was offered. */
export interface Offered {
  /** Jobs accepted a second. */
  goodput: number
  accepted: number
  /** Jobs refused with 503 or 429 and Retry-After. */
  refused: number
  /** Jobs whose request got no answer in time. */
  unanswered: number
  /** From when a request was due to its 202, in ms. */
  waitsMs: number[]
}

export interface Offer {
  /** So many clients, each of which waits for its answer before it sends again (a closed loop). */
  closed(options: { clients: number; seconds: number }): Promise<Offered>
  /** So many jobs a second, whatever becomes of those before (an open loop): what crowds do. */
  open(options: { jobsPerSecond: number; seconds: number }): Promise<Offered>
}

type Target = Pick<Cluster, 'gatewayUrls' | 'token' | 'effectLog'>

/**
 * Clients of the API: submit singly and in batches, most with keys, some twice at once; cancel; look at jobs. They use both gateways, and send again
 * with the same key whenever an answer is missing or is 503.
 */
export function startWorkload(
  target: Target,
  journal: Journal,
  random: Random,
  { cycle, mix = usualMix }: { cycle: number; mix?: JobMix | undefined },
): Workload {
  const client = openHttpClient()
  const stopping = new AbortController()
  const givingUp = new AbortController()
  const inFlight = new Set<Promise<void>>()
  const ids: string[] = []
  const seen = new Map<string, { attempt: number; state: string }>()

  const launch = (work: () => Promise<void>): void => {
    const running = work().finally(() => inFlight.delete(running))
    inFlight.add(running)
  }

  async function call(
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
    { key, by = client, deadlineMs = answerDeadlineMs }: CallOptions = {},
  ): Promise<Answer> {
    const startedMs = performance.now()
    try {
      const { text, ...response } = await by.call(method, random.pick(target.gatewayUrls) + path, {
        headers: {
          Authorization: `Bearer ${target.token}`,
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
          ...(key && { 'Idempotency-Key': key }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.any([AbortSignal.timeout(deadlineMs), givingUp.signal]),
      })
      const { status, retryAfter } = response
      const isRefusal = (status === 503 || status === 429) && retryAfter !== undefined
      const answer = { status, isRefusal, body: text ? JSON.parse(text) : null }
      journal.count(String(answer.status))
      judge(`${method} ${path}`, answer, response.retryAfter)
      return answer
    } catch {
      journal.count(performance.now() - startedMs >= deadlineMs ? 'no answer in time' : 'connection lost')
      return { status: 0, isRefusal: false, body: null }
    }
  }

  /** I13. */
  function judge(
    what: string,
    { status, body }: Pick<Answer, 'status' | 'body'>,
    retryAfter: string | undefined,
  ): void {
    if (status >= 500 && status !== 503)
      journal.offend('I13', `${what} was answered ${status}: ${JSON.stringify(body)}`)
    if (status === 503 && retryAfter === undefined)
      journal.offend('I13', `${what} was answered 503 without Retry-After`)
    if ([400, 401, 403, 422, 429].includes(status))
      journal.offend('I13', `${what} was refused with ${status}: ${JSON.stringify(body)}`)
  }

  /** Until there is an answer; a request without a key is sent once. */
  async function insist(hasKey: boolean, send: () => Promise<Answer>): Promise<Answer | null> {
    for (;;) {
      const answer = await send()
      if (answer.status > 0 && answer.status !== 503) return answer
      if (!hasKey || givingUp.signal.aborted) return null
      await sleep(100 + random.between(0, 200))
    }
  }

  function accept(submission: Submission, id: string): void {
    const { kind, request, key, cancelAfterMs } = submission
    journal.accept({ id, kind, request, key, cycle, acceptedAtMs: Date.now() })
    ids.push(id)
    if (cancelAfterMs !== null) launch(() => cancel(id, cancelAfterMs))
  }

  async function submit(submission: Submission): Promise<void> {
    const { key, body, request } = submission
    const answer = await insist(key !== null, () => call('POST', '/v1/jobs', body, { key }))
    if (answer?.body?.id) accept(submission, answer.body.id as string)
    else if (key === null) journal.loseAnswer(request)
    else journal.offend('I13', `the key ${key} got no answer until the end of its cycle`)
  }

  async function submitBatch(submissions: Submission[]): Promise<void> {
    const hasKeys = submissions.every(({ key }) => key !== null)
    const jobs = submissions.map(({ body, key }) => ({
      ...body,
      ...(key !== null && { idempotencyKey: key }),
    }))
    const answer = await insist(hasKeys, () => call('POST', '/v1/jobs/batch', { jobs }))
    submissions.forEach((submission, i) => {
      const result = answer?.body?.results?.[i]
      if (result?.id) accept(submission, result.id as string)
      else if (answer === null && !hasKeys) journal.loseAnswer(submission.request)
      else journal.offend('I13', `job ${i} of a batch was not accepted: ${JSON.stringify(result ?? null)}`)
    })
  }

  async function cancel(id: string, afterMs: number): Promise<void> {
    await sleep(afterMs)
    const answer = await insist(true, () => call('POST', `/v1/jobs/${id}/cancel`))
    if (answer?.status === 200 && answer.body?.state === 'cancelled') journal.confirmCancelled(id)
    if (answer?.status === 404)
      journal.offend('I1', `the accepted job ${id} was not found when it was cancelled`, id)
  }

  /** I5, as an outside observer. */
  async function look(id: string): Promise<void> {
    const before = seen.get(id)
    const { status, body } = await call('GET', `/v1/jobs/${id}`)
    if (status === 404) journal.offend('I1', `the accepted job ${id} was not found`, id)
    if (status !== 200) return
    const now = { attempt: body.attempt as number, state: body.state as string }
    if (
      before &&
      (now.attempt < before.attempt || (terminal.has(before.state) && now.state !== before.state))
    )
      journal.offend('I5', `job ${id} went from ${JSON.stringify(before)} to ${JSON.stringify(now)}`, id)
    const latest = seen.get(id)
    if (!latest || now.attempt > latest.attempt || terminal.has(now.state)) seen.set(id, now)
  }

  /** A request that is too large is refused whole, whatever goes on. */
  async function sendOversized(): Promise<void> {
    const { status } = await call('POST', '/v1/jobs', oversizedBody())
    if (![0, 413, 503].includes(status)) journal.offend('I13', `a job above the limit was answered ${status}`)
  }

  const draw = (from = mix): Submission =>
    drawSubmission(random, { cycle, effectLog: target.effectLog, mix: from })
  const batchDrawn = batchMix(mix)

  async function drive(): Promise<void> {
    while (!stopping.signal.aborted) {
      if (inFlight.size < mostInFlight) {
        if (random.chance(0.1)) {
          const isKeyed = random.chance(0.8)
          const batch = Array.from({ length: random.between(3, 30) }, () => draw(batchDrawn))
          launch(() =>
            submitBatch(
              batch.map((one) => ({ ...one, copies: 1, key: isKeyed ? `key-${one.request}` : null })),
            ),
          )
        } else {
          const submission = draw()
          for (let copy = 0; copy < submission.copies; copy++) launch(() => submit(submission))
        }
        if (random.chance(0.01)) launch(sendOversized)
        if (ids.length > 0 && random.chance(0.3)) launch(() => look(random.pick(ids.slice(-50))))
      }
      await sleep(random.between(5, 50))
    }
  }
  const driving = drive()

  async function offerOne(by: HttpClient, dueMs: number, to: Offered): Promise<void> {
    const batch = Array.from({ length: offerBatch }, () => draw(onlyOf('echo')))
    const submissions = batch.map((one) => ({ ...one, key: null, copies: 1 }))
    const { status, body, isRefusal } = await call(
      'POST',
      '/v1/jobs/batch',
      { jobs: submissions.map((one) => one.body) },
      { by, deadlineMs: offerDeadlineMs },
    )
    submissions.forEach((submission, i) => {
      const id = body?.results?.[i]?.id as string | undefined
      if (id) accept(submission, id)
      else journal.loseAnswer(submission.request)
      if (id) to.accepted++
      else if (isRefusal || status === 202) to.refused++
      else to.unanswered++
    })
    if (status === 202) to.waitsMs.push(performance.now() - dueMs)
  }

  async function offerFor(
    seconds: number,
    send: (by: HttpClient, to: Offered, endMs: number) => Promise<void>,
  ): Promise<Offered> {
    const by = openHttpClient({ idleConnections: 1000 })
    const to: Offered = { goodput: 0, accepted: 0, refused: 0, unanswered: 0, waitsMs: [] }
    const startedMs = performance.now()
    await send(by, to, startedMs + seconds * 1000)
    to.goodput = to.accepted / ((performance.now() - startedMs) / 1000)
    by.close()
    return to
  }

  const offer: Offer = {
    closed: ({ clients, seconds }) =>
      offerFor(seconds, async (by, to, endMs) => {
        await Promise.all(
          Array.from({ length: clients }, async () => {
            while (performance.now() < endMs) await offerOne(by, performance.now(), to)
          }),
        )
      }),
    open: ({ jobsPerSecond, seconds }) =>
      offerFor(seconds, async (by, to, endMs) => {
        const everyMs = (1000 * offerBatch) / jobsPerSecond
        const sent: Promise<void>[] = []
        for (let dueMs = performance.now(); dueMs < endMs; dueMs += everyMs) {
          const aheadMs = dueMs - performance.now()
          if (aheadMs > 1) await sleep(aheadMs)
          sent.push(offerOne(by, dueMs, to))
        }
        await Promise.all(sent)
      }),
  }

  return {
    offer,
    burst(count, kind) {
      for (let i = 0; i < count; i++) {
        const submission = draw(kind && onlyOf(kind))
        launch(() => submit(submission))
      }
    },
    repeat(copies) {
      const submission = draw(onlyOf('echo'))
      const key = `key-${submission.request}`
      for (let i = 0; i < copies; i++) launch(() => submit({ ...submission, key }))
    },
    async fill(count) {
      for (let left = count; left > 0; left -= fillBatch) {
        const batch = Array.from({ length: Math.min(left, fillBatch) }, () => draw(onlyOf('echo')))
        await submitBatch(batch.map((one) => ({ ...one, copies: 1, key: `key-${one.request}` })))
      }
    },
    async stop(deadlineMs) {
      stopping.abort()
      await driving
      const timer = setTimeout(() => givingUp.abort(), deadlineMs)
      while (inFlight.size > 0) await Promise.all(inFlight)
      clearTimeout(timer)
      client.close()
    },
  }
}

interface CallOptions {
  key?: string | null
  by?: HttpClient
  deadlineMs?: number
}

interface Answer {
  /** 0 for none. */
  status: number
  /** Refused for now, with the time to wait. */
  isRefusal: boolean
  body: any // eslint-disable-line @typescript-eslint/no-explicit-any -- answers are JSON
}
