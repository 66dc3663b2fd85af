import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from './cluster.ts'
import { openHttpClient } from './http-client.ts'
import { drawSubmission, type JobMix, type Submission, usualMix } from './job-kinds.ts'
import type { Journal } from './journal.ts'
import type { Random } from './random.ts'

/** How long the driver waits for an answer, then it counts as lost. */
const answerDeadlineMs = 15_000
/** Requests that may be under way, retries included. */
const mostInFlight = 150

const terminal = new Set(['succeeded', 'failed', 'cancelled', 'expired'])

export interface Workload {
  /** Sends no new requests, and resolves when those with a key have their answers, or the deadline has come. */
  stop(deadlineMs: number): Promise<void>
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
    key?: string | null,
  ): Promise<Answer> {
    const startedMs = performance.now()
    try {
      const { text, ...response } = await client.call(method, random.pick(target.gatewayUrls) + path, {
        headers: {
          Authorization: `Bearer ${target.token}`,
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
          ...(key && { 'Idempotency-Key': key }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.any([AbortSignal.timeout(answerDeadlineMs), givingUp.signal]),
      })
      const answer = { status: response.status, body: text ? JSON.parse(text) : null }
      journal.count(String(answer.status))
      judge(`${method} ${path}`, answer, response.retryAfter)
      return answer
    } catch {
      journal.count(
        performance.now() - startedMs >= answerDeadlineMs ? 'no answer in time' : 'connection lost',
      )
      return { status: 0, body: null }
    }
  }

  /** I13. */
  function judge(what: string, { status, body }: Answer, retryAfter: string | undefined): void {
    if (status >= 500 && status !== 503)
      journal.offend(`I13 ${what} was answered ${status}: ${JSON.stringify(body)}`)
    if (status === 503 && retryAfter === undefined)
      journal.offend(`I13 ${what} was answered 503 without Retry-After`)
    if ([400, 401, 403, 422, 429].includes(status))
      journal.offend(`I13 ${what} was refused with ${status}: ${JSON.stringify(body)}`)
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
    const answer = await insist(key !== null, () => call('POST', '/v1/jobs', body, key))
    if (answer?.body?.id) accept(submission, answer.body.id as string)
    else if (key === null) journal.loseAnswer(request)
    else journal.offend(`I13 the key ${key} got no answer until the end of its cycle`)
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
      else journal.offend(`I13 job ${i} of a batch was not accepted: ${JSON.stringify(result ?? null)}`)
    })
  }

  async function cancel(id: string, afterMs: number): Promise<void> {
    await sleep(afterMs)
    const answer = await insist(true, () => call('POST', `/v1/jobs/${id}/cancel`))
    if (answer?.status === 200 && answer.body?.state === 'cancelled') journal.confirmCancelled(id)
    if (answer?.status === 404)
      journal.offend(`I1 the accepted job ${id} was not found when it was cancelled`)
  }

  /** I5, as an outside observer. */
  async function look(id: string): Promise<void> {
    const before = seen.get(id)
    const { status, body } = await call('GET', `/v1/jobs/${id}`)
    if (status === 404) journal.offend(`I1 the accepted job ${id} was not found`)
    if (status !== 200) return
    const now = { attempt: body.attempt as number, state: body.state as string }
    if (
      before &&
      (now.attempt < before.attempt || (terminal.has(before.state) && now.state !== before.state))
    )
      journal.offend(`I5 job ${id} went from ${JSON.stringify(before)} to ${JSON.stringify(now)}`)
    const latest = seen.get(id)
    if (!latest || now.attempt > latest.attempt || terminal.has(now.state)) seen.set(id, now)
  }

  const draw = (): Submission => drawSubmission(random, { cycle, effectLog: target.effectLog, mix })

  async function drive(): Promise<void> {
    while (!stopping.signal.aborted) {
      if (inFlight.size < mostInFlight) {
        if (random.chance(0.06)) {
          const isKeyed = random.chance(0.8)
          const batch = Array.from({ length: random.between(3, 25) }, draw)
          launch(() =>
            submitBatch(
              batch.map((one) => ({ ...one, copies: 1, key: isKeyed ? `key-${one.request}` : null })),
            ),
          )
        } else {
          const submission = draw()
          for (let copy = 0; copy < submission.copies; copy++) launch(() => submit(submission))
        }
        if (ids.length > 0 && random.chance(0.3)) launch(() => look(random.pick(ids.slice(-50))))
      }
      await sleep(random.between(5, 50))
    }
  }
  const driving = drive()

  return {
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

interface Answer {
  /** 0 for none. */
  status: number
  body: any // eslint-disable-line @typescript-eslint/no-explicit-any -- answers are JSON
}
