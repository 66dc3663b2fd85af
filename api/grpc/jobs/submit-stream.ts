import { setTimeout as sleep } from 'node:timers/promises'
import { QueueError } from '../../../queue/domain/errors.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { acceptRound, type Item, type ItemResult } from '../../submission/accept-round.ts'
import { actorOf, bidi, type GrpcCall, type Send } from '../method.ts'
import type { AnswerWriter } from './answer-writer.ts'
import { readSubmission } from './read-submission.ts'
import type { SubmissionMessage, SubmissionReader, SubmitStreamMessage } from './submission-reader.ts'

/** Jobs that are checked at a stretch; other calls have their turn between. */
const roundSize = 500

/** Jobs of a stream that wait for their answer; no more are read meanwhile. */
const mostWaiting = 2000

/** How long to wait before looking again whether submissions are taken. */
const crowdedMs = 10

export const submitStreamMethod = (deps: GatewayDeps, reader: SubmissionReader, writer: AnswerWriter) =>
  bidi<SubmitStreamMessage, readonly ItemResult[]>({
    access: 'write',
    read: reader.streamRequest,
    write: writer.results,
    async handle(call, requests, send) {
      const answers = makeAnswers(send)
      const rounds = new Set<Promise<void>>()
      let count = 0
      let waiting = 0

      async function answer(jobs: readonly SubmissionMessage[], first: number): Promise<void> {
        const results = await accept(deps, call, jobs, first)
        waiting -= jobs.length
        answers.add(results)
      }

      for await (const { jobs } of requests) {
        for (let at = 0; at < jobs.length; at += roundSize) {
          while (deps.queue.acceptBatch.isCrowded() && !call.gone().aborted) await sleep(crowdedMs)
          if (call.gone().aborted) return
          const round = jobs.slice(at, at + roundSize)
          const answered = answer(round, count).finally(() => rounds.delete(answered))
          rounds.add(answered)
          count += round.length
          waiting += round.length
          while (waiting > mostWaiting) await Promise.race(rounds)
          await answers.room()
        }
      }
      await Promise.all(rounds)
      await answers.sent()
    },
  })

/** Each job has its own answer, also when none of them can be stored now. */
async function accept(
  deps: GatewayDeps,
  call: GrpcCall,
  jobs: readonly SubmissionMessage[],
  first: number,
): Promise<ItemResult[]> {
  const items = jobs.map((job) => readItem(deps, job))
  try {
    return await acceptRound(deps, actorOf(call), items, { first, isAtomic: false })
  } catch (error) {
    if (!(error instanceof QueueError)) throw error
    return items.map((_, i) => ({ index: first + i, error }))
  }
}

function readItem(deps: GatewayDeps, job: SubmissionMessage): Item {
  try {
    return { json: readSubmission(job, deps.config.PAYLOAD_LIMIT_BYTES) }
  } catch (error) {
    if (error instanceof QueueError) return { error }
    throw error
  }
}

/** Answers that come while one is being sent go together in the next. */
function makeAnswers(send: Send<readonly ItemResult[]>) {
  let waiting: ItemResult[] = []
  let sending: Promise<void> | undefined

  async function pump(): Promise<void> {
    while (waiting.length > 0) {
      const results = waiting
      waiting = []
      await send(results)
    }
    sending = undefined
  }

  return {
    add(results: readonly ItemResult[]): void {
      waiting.push(...results)
      sending ??= pump()
      sending.catch(() => undefined) // `room` and `sent` tell of it
    },
    /** Resolves when a client that reads slowly has caught up, so that its answers do not pile up here. */
    async room(): Promise<void> {
      while (waiting.length > mostWaiting) await sending
    },
    async sent(): Promise<void> {
      await sending
    },
  }
}
