import type { ClientDuplexStream } from '@grpc/grpc-js'
import type { Assignment__Output } from '../../../../proto/generated/noodle/v1/Assignment.ts'
import type { LeaseRenewed__Output } from '../../../../proto/generated/noodle/v1/LeaseRenewed.ts'
import type { RegisterRequest } from '../../../../proto/generated/noodle/v1/RegisterRequest.ts'
import type { RunEnded__Output } from '../../../../proto/generated/noodle/v1/RunEnded.ts'
import type { WorkerServiceClient } from '../../../../proto/generated/noodle/v1/WorkerService.ts'
import type { WorkHello } from '../../../../proto/generated/noodle/v1/WorkHello.ts'
import type { WorkRequest } from '../../../../proto/generated/noodle/v1/WorkRequest.ts'
import type { WorkResponse__Output } from '../../../../proto/generated/noodle/v1/WorkResponse.ts'
import { makeNodeTokens } from '../../../../queue/use-cases/node-tokens.ts'
import { cleanUp } from '../../../support/clean-up.ts'
import { testSecret } from '../../../support/gateway.ts'
import { answerOf, clientOf, metadata } from '../../../support/grpc.ts'
import { waitFor } from '../../../support/wait-for.ts'

export const nodeToken = (id: string, lifeSeconds = 60, secret = testSecret): string =>
  makeNodeTokens({ secret, previousSecrets: [], lifeSeconds }).issue(id)

/** A node whose messages a test writes by hand. */
export function aRemoteNode(address: string, id: string, bootId: string, token = nodeToken(id)) {
  const client: WorkerServiceClient = clientOf('noodle.v1.WorkerService', address)
  const node: RegisterRequest = {
    nodeId: id,
    bootId,
    tiers: ['small'],
    cpus: 2,
    memoryMb: 1024,
    gpus: 2,
    concurrency: 2,
    version: '0',
    tasks: [{ name: 'echo' }, { name: 'mine' }],
  }
  return {
    client,
    bootId,
    registration: node,
    register: (changes: Partial<RegisterRequest> = {}) =>
      answerOf((done) => client.register({ ...node, ...changes }, metadata(token), done)),
    work: (hello: Partial<WorkHello> = {}) => openWork(client.work(metadata(token)), { bootId, ...hello }),
  }
}

function openWork(call: ClientDuplexStream<WorkRequest, WorkResponse__Output>, hello: WorkHello) {
  const heard: WorkResponse__Output[] = []
  let error: unknown
  let seq = 0
  call.on('data', (message: WorkResponse__Output) => heard.push(message))
  call.on('error', (reason) => (error = reason))
  call.write({ hello })
  cleanUp(() => call.cancel())
  const until = <T>(find: () => T | undefined, what: string): Promise<NonNullable<T>> =>
    waitFor(
      () => {
        if (error !== undefined) throw error as Error
        return find()
      },
      { what },
    )
  const ended = (id: string): Promise<RunEnded__Output> =>
    until(() => heard.flatMap((message) => message.ended).find(({ jobId }) => jobId === id), 'its end')
  return {
    call,
    jobs: (): Assignment__Output[] => heard.flatMap((message) => message.jobs),
    /** What the stream ended with. */
    refusal: () => waitFor(() => error, { what: 'the end of the stream' }),
    welcome: () => until(() => heard.some(({ welcome }) => welcome), 'the welcome'),
    goAway: () => until(() => heard.some(({ goAway }) => goAway), 'to be sent away'),
    renewNow: () => until(() => heard.some(({ renewNow }) => renewNow), 'to be told to renew'),
    drained: () => until(() => heard.some(({ drained }) => drained), 'the end of jobs'),
    job: (place = 0): Promise<Assignment__Output> =>
      until(() => heard.flatMap((message) => message.jobs)[place], `job ${String(place)}`),
    async renew(): Promise<LeaseRenewed__Output> {
      const own = String(++seq)
      call.write({ renewal: { seq: own } })
      return until(
        () => heard.map(({ renewed }) => renewed).find((renewed) => renewed?.seq === own),
        'the renewal',
      )
    },
    async end(
      job: Pick<Assignment__Output, 'jobId' | 'fence'>,
      how: Pick<NonNullable<WorkRequest['finishes']>[number], 'success' | 'failure'>,
    ): Promise<RunEnded__Output> {
      const before = heard.length
      call.write({ finishes: [{ jobId: job.jobId, fence: job.fence, ...how, usage: { wallMs: 1 } }] })
      return until(
        () =>
          heard
            .slice(before)
            .flatMap((message) => message.ended)
            .find(({ jobId }) => jobId === job.jobId),
        'its end',
      )
    },
    handBack(job: Pick<Assignment__Output, 'jobId' | 'fence'>): Promise<RunEnded__Output> {
      call.write({ handBacks: [{ jobId: job.jobId, fence: job.fence, reason: 'node-stopping' }] })
      return ended(job.jobId)
    },
    ended,
  }
}
