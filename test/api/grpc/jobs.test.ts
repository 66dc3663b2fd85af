import { expect, test } from '@jest/globals'
import { status, type ServiceError } from '@grpc/grpc-js'
import type { HealthCheckResponse__Output } from '../../../proto/generated/grpc/health/v1/HealthCheckResponse.ts'
import type { Job__Output } from '../../../proto/generated/noodle/v1/Job.ts'
import type { ListTiersResponse__Output } from '../../../proto/generated/noodle/v1/ListTiersResponse.ts'
import { answerOf, clientOf, detailsOf, metadata, openTestGrpcGateway } from '../../support/grpc.ts'

test('jobs are read and cancelled, tiers listed, and errors say what is wrong', async () => {
  const gateway = await openTestGrpcGateway()
  const token = await gateway.tokenOf('user')
  const { body } = await gateway.call('POST', '/v1/jobs', {
    token,
    body: { task: 'echo', payload: { a: 1 } },
  })
  const job = await answerOf<Job__Output>((done) => gateway.jobs.get({ id: body.id }, metadata(token), done))
  expect(job).toMatchObject({ id: body.id, state: 'JOB_STATE_PENDING', task: 'echo', timeoutMs: '3600000' })
  expect(JSON.parse(String(job.payloadJson))).toEqual({ a: 1 })
  const cancelled = await answerOf<Job__Output>((done) =>
    gateway.jobs.cancel({ id: body.id }, metadata(token), done),
  )
  expect(cancelled.state).toBe('JOB_STATE_CANCELLED')
  const tiers = await answerOf<ListTiersResponse__Output>((done) =>
    gateway.jobs.listTiers({}, metadata(token), done),
  )
  expect(tiers.items.map(({ tier }) => tier)).toEqual(['small', 'medium', 'heavy'])
  const error = await answerOf((done) => gateway.jobs.get({ id: 'x' }, metadata(token), done)).catch(
    (e: unknown) => e as ServiceError,
  )
  expect(error).toMatchObject({ code: status.INVALID_ARGUMENT })
  expect(detailsOf(error as ServiceError)).toMatchObject({
    ErrorInfo: { reason: 'INVALID_REQUEST', domain: 'noodle' },
    BadRequest: { fieldViolations: [{ field: 'id' }] },
  })
  await expect(answerOf((done) => gateway.jobs.get({ id: body.id }, done))).rejects.toMatchObject({
    code: status.UNAUTHENTICATED,
  })
})

test('health is told to anyone', async () => {
  const gateway = await openTestGrpcGateway()
  const health = clientOf('grpc.health.v1.Health', gateway.address)
  const check = (service: string) =>
    answerOf<HealthCheckResponse__Output>((done) => health.check({ service }, done))
  expect(await check('')).toEqual({ status: 'SERVING' })
  expect(await check('noodle.v1.JobService')).toEqual({ status: 'SERVING' })
  await expect(check('none')).rejects.toMatchObject({ code: status.NOT_FOUND })
  gateway.beginStop()
  expect(await check('')).toEqual({ status: 'NOT_SERVING' })
})
