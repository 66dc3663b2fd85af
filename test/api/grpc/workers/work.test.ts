import { expect, test } from '@jest/globals'
import { status } from '@grpc/grpc-js'
import { cancelJob } from '../../../../queue/use-cases/cancel-job.ts'
import type { StoreBlobResponse__Output } from '../../../../proto/generated/noodle/v1/StoreBlobResponse.ts'
import type { StoredArtifact } from '../../../../proto/generated/noodle/v1/StoredArtifact.ts'
import type { WriteLogsResponse__Output } from '../../../../proto/generated/noodle/v1/WriteLogsResponse.ts'
import { answerOf, metadata, openTestGrpcGateway } from '../../../support/grpc.ts'
import { alice, dispatchJobs, stateOf, statesOf, submit } from '../../../support/test-queue.ts'
import { aRemoteNode, nodeToken } from './a-node.ts'

const success = (value: unknown) => ({ success: { resultJson: Buffer.from(JSON.stringify(value)) } })

async function openNode(settings: Record<string, string> = {}) {
  const gateway = await openTestGrpcGateway(settings)
  const { deps, address } = gateway
  const node = aRemoteNode(address, 'far', deps.newId())
  await node.register()
  const work = node.work()
  await work.welcome()
  await work.renew()
  return { ...gateway, node, work }
}

test('a job goes down the stream when a slot is free, and its end comes up', async () => {
  const { deps, work } = await openNode()
  const ids = await Promise.all([1, 2, 3].map((n) => submit(deps, { payload: { n } })))
  await dispatchJobs(deps)
  const [first, second] = [await work.job(0), await work.job(1)]
  expect(first).toMatchObject({ task: 'echo', tier: 'small', attempt: 1, timeoutMs: '60000' })
  expect(ids.map((id) => ({ id, n: ids.indexOf(id) + 1 }))).toContainEqual({
    id: first.jobId,
    n: (JSON.parse(String(first.payloadJson)) as { n: number }).n,
  })
  expect(work.jobs()).toHaveLength(2) // as many as it has slots
  expect(await work.end(first, success({ done: true }))).toMatchObject({ state: 'JOB_STATE_SUCCEEDED' })
  expect(await deps.jobs.find(first.jobId, null)).toMatchObject({
    state: 'succeeded',
    nodeId: 'far',
    result: { done: true },
  })
  const third = await work.job(2)
  expect(await work.end(first, success(1))).toMatchObject({ state: 'JOB_STATE_UNSPECIFIED' }) // not its own any more
  expect(await work.end({ ...second, fence: String(Number(second.fence) + 1) }, success(1))).toMatchObject({
    state: 'JOB_STATE_UNSPECIFIED',
  })
  expect(await work.end(second, { failure: { code: 'WHAT', message: 'no\0', isFinal: true } })).toMatchObject(
    { state: 'JOB_STATE_FAILED' },
  )
  expect(await deps.jobs.find(second.jobId, null)).toMatchObject({
    error: { code: 'TASK_ERROR', message: 'no\uFFFD' },
  })
  expect(await work.handBack(third)).toMatchObject({ state: 'JOB_STATE_PENDING' })
  expect(await deps.jobs.find(third.jobId, null)).toMatchObject({ failures: 0, handBacks: 1 })
})

test('a result too large for its row is kept as a blob, and one that is no JSON fails its job', async () => {
  const { deps, work } = await openNode()
  await Promise.all([submit(deps), submit(deps)])
  await dispatchJobs(deps)
  const [large, bad] = [await work.job(0), await work.job(1)]
  await work.end(large, success('x'.repeat(100_000)))
  expect(await deps.jobs.find(large.jobId, null)).toMatchObject({
    state: 'succeeded',
    resultRef: { bytes: 100_002 },
  })
  await work.end(bad, { success: { resultJson: Buffer.from('{') } })
  expect(await deps.jobs.find(bad.jobId, null)).toMatchObject({ error: { code: 'RESULT_INVALID' } })
})

test('what a node holds when its stream breaks it goes on with, and it counts again', async () => {
  const { deps, node, work } = await openNode()
  const ids = await Promise.all([1, 2, 3].map(() => submit(deps)))
  await dispatchJobs(deps)
  const [first, second] = [await work.job(0), await work.job(1)]
  const again = node.work({
    held: [first].map(({ jobId, fence, allocation }) => ({ jobId, fence, allocation })),
  })
  await again.welcome()
  expect(await work.refusal()).toMatchObject({ code: status.ABORTED }) // the newer stream takes its place
  const { held } = await again.renew()
  expect(held.map(({ jobId }) => jobId).sort()).toEqual([first.jobId, second.jobId].sort())
  // The second never got there: it is handed back, and comes again with the third, as slots are free.
  expect(await again.handBack(second)).toMatchObject({ state: 'JOB_STATE_PENDING' })
  await dispatchJobs(deps)
  const next = await again.job(0)
  expect(again.jobs()).toHaveLength(1)
  expect(await again.end(first, success(1))).toMatchObject({ state: 'JOB_STATE_SUCCEEDED' })
  expect(await statesOf(deps, first.jobId)).toEqual(['pending', 'queued', 'running', 'succeeded'])
  await dispatchJobs(deps)
  await again.end(next, success(1))
  await again.end(await again.job(1), success(1))
  expect(await Promise.all(ids.map((id) => stateOf(deps, id)))).toEqual([
    'succeeded',
    'succeeded',
    'succeeded',
  ])
})

test('the end of a run does not overtake the progress that it told before', async () => {
  const { deps, work } = await openNode()
  const id = await submit(deps)
  await dispatchJobs(deps)
  const { jobId, fence } = await work.job()
  const { progressBatch } = deps
  let go: () => void = () => undefined
  const slow = new Promise<void>((resolve) => (go = resolve))
  deps.progressBatch = { ...progressBatch, add: (note) => slow.then(() => progressBatch.add(note)) }
  work.call.write({
    progress: [{ jobId, fence, percent: 70, note: 'nearly' }],
    finishes: [{ jobId, fence, failure: { message: 'so near', isFinal: true } }],
  })
  await work.renew() // it has been heard
  expect(await stateOf(deps, id)).toBe('running')
  go()
  await work.ended(jobId)
  expect(await deps.jobs.find(id, null)).toMatchObject({
    ...{ state: 'failed', progress: 70, progressNote: 'nearly' },
  })
})

test('a cancel makes the node look, and its answer says which', async () => {
  const { deps, work } = await openNode()
  const id = await submit(deps)
  await dispatchJobs(deps)
  const job = await work.job()
  await cancelJob(deps, alice, id)
  await work.renewNow()
  expect((await work.renew()).held).toEqual([{ jobId: id, fence: job.fence, cancelRequested: true }])
  await work.end(job, { failure: { code: 'CANCELLED', message: 'stopped', isFinal: true } })
  expect(await stateOf(deps, id)).toBe('cancelled')
})

test('the gateway holds runs to its limits, whatever their node believes', async () => {
  const { deps, work, node } = await openNode({
    ...{ RESULT_LIMIT_BYTES: '2000', CHECKPOINT_LIMIT_BYTES: '1024', LOG_LIMIT_BYTES: '1024' },
    ...{ ARTIFACT_LIMIT_BYTES: '100', ARTIFACT_LIMIT_COUNT: '2' },
  })
  await Promise.all([submit(deps), submit(deps)])
  await dispatchJobs(deps)
  const [first, second] = [await work.job(0), await work.job(1)]
  const run = { bootId: node.bootId, jobId: first.jobId, fence: first.fence }
  const token = metadata(nodeToken('far'))
  const store = (artifact: string, bytes: number) =>
    answerOf<StoreBlobResponse__Output>((done) => {
      const call = node.client.storeBlob(token, done)
      call.write({ head: { run, artifact, bytes } })
      call.end({ data: Buffer.alloc(Math.max(0, bytes)) })
    })
  const keep = (...artifacts: StoredArtifact[]) =>
    answerOf((done) => node.client.keepArtifacts({ run, artifacts }, token, done))
  const checkpoint = (chars: number) =>
    answerOf((done) =>
      node.client.saveCheckpoint({ run, valueJson: Buffer.from(`"${'x'.repeat(chars)}"`) }, token, done),
    )
  const refused = (what: string) => ({
    code: status.INVALID_ARGUMENT,
    details: expect.stringContaining(what),
  })

  const a = await store('a', 60)
  await store('a', 70) // again, in place of the first
  await expect(store('b', 40)).rejects.toMatchObject(refused('100 of ARTIFACT_LIMIT_BYTES'))
  await store('b', 30)
  await expect(store('c', 0)).rejects.toMatchObject(refused('2 of ARTIFACT_LIMIT_COUNT'))
  await expect(store('c', -50)).rejects.toMatchObject(refused('must not be negative'))
  await expect(store('../d', 1)).rejects.toMatchObject(refused('head.artifact'))
  const told = { name: 'a', bytes: 70, sha256: a.sha256 }
  for (const [wrong, what] of [
    [{ name: 'c' }, 'ARTIFACT_LIMIT_COUNT'],
    [{ bytes: 71 }, 'ARTIFACT_LIMIT_BYTES'],
    [{ bytes: -1 }, 'artifacts.0.bytes'],
    [{ name: '../a' }, 'artifacts.0.name'],
    [{ sha256: 'abc' }, 'artifacts.0.sha256'],
  ] as const)
    await expect(keep({ ...told, ...wrong })).rejects.toMatchObject(refused(what))
  expect(await keep(told)).toEqual({ isKept: true })
  await expect(checkpoint(1030)).rejects.toMatchObject(refused('CHECKPOINT_LIMIT_BYTES'))
  expect(await checkpoint(1000)).toEqual({ isKept: true })

  const log = async (firstSeq: number, more: { liveOnly?: boolean } = {}) => {
    const lines = Array.from({ length: 4 }, () => ({ atMs: 1, text: 'x'.repeat(16_384) }))
    const logs = [{ jobId: first.jobId, attempt: 1, firstSeq, lines }]
    const request = { bootId: node.bootId, logs, ...more }
    const answer = await answerOf<WriteLogsResponse__Output>((done) =>
      node.client.writeLogs(request, token, done),
    )
    return answer.taken
  }
  // One more than the limit has room for a last word; what only those who follow see counts with what is kept of it.
  expect([await log(1), await log(5), await log(9), await log(9, { liveOnly: true })]).toEqual([
    ...[[true], [true], [false], [false]],
  ])

  await expect(store('', 2001)).rejects.toMatchObject(refused('2000 of RESULT_LIMIT_BYTES'))
  const stored = { bytes: 2001, sha256: a.sha256 }
  for (const [job, end] of [
    [first, success('x'.repeat(2000))],
    [second, { success: { stored } }],
  ] as const) {
    expect(await work.end(job, end)).toMatchObject({ state: 'JOB_STATE_FAILED' })
    expect(await deps.jobs.find(job.jobId, null)).toMatchObject({ error: { code: 'RESULT_TOO_LARGE' } })
  }
})

test('a node that drains gets no more jobs, and one that was given up is told so', async () => {
  const { deps, node, work } = await openNode()
  work.call.write({ draining: true })
  await work.drained()
  await submit(deps)
  await dispatchJobs(deps)
  expect(work.jobs()).toEqual([])
  await deps.nodes.sayGoodbye(node.bootId)
  expect(await work.renew()).toMatchObject({ isLive: false, held: [] })
  expect(await node.work().refusal()).toMatchObject({ code: status.FAILED_PRECONDITION })
})

test('only who may execute may call, and only for its own node', async () => {
  const { deps, address, tokenOf } = await openTestGrpcGateway()
  const register = (token: string | undefined, id = 'far') =>
    aRemoteNode(address, id, deps.newId(), token).register()
  for (const role of ['user', 'admin'] as const)
    await expect(register(await tokenOf(role))).rejects.toMatchObject({ code: status.PERMISSION_DENIED })
  await expect(register('nonsense')).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
  await expect(register(nodeToken('far', -10))).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
  await expect(
    register(nodeToken('far', 60, 'another secret of more than thirty-two bytes')),
  ).rejects.toMatchObject({
    code: status.UNAUTHENTICATED,
  })
  await expect(register(nodeToken('other'))).rejects.toMatchObject({ code: status.PERMISSION_DENIED })
  await register(await tokenOf('worker'), 'given')
  const mine = deps.newId()
  await aRemoteNode(address, 'far', mine).register()
  await aRemoteNode(address, 'far', mine).register() // an answer may have been lost
  await expect(register(nodeToken('far'))).rejects.toMatchObject({
    code: status.FAILED_PRECONDITION,
    message: expect.stringContaining('far'),
  })
  const stranger = aRemoteNode(address, 'other', mine).work()
  expect(await stranger.refusal()).toMatchObject({ code: status.PERMISSION_DENIED })
})

test('a node that asks for what it can not be is told what is wrong', async () => {
  const { deps, address } = await openTestGrpcGateway()
  const node = aRemoteNode(address, 'far', deps.newId())
  await expect(
    node.register({ tiers: ['hevy'], concurrency: 0, tasks: [{ name: '1' }] }),
  ).rejects.toMatchObject({ code: status.INVALID_ARGUMENT })
  await expect(node.register({ tiers: ['smal'] })).rejects.toMatchObject({ code: status.INVALID_ARGUMENT })
})
