import { beforeAll, expect, test } from '@jest/globals'
import { status, type StatusObject } from '@grpc/grpc-js'
import jwt from 'jsonwebtoken'
import { allServices } from '../../../api/grpc/all-services.ts'
import { makeGrpcServer } from '../../../api/grpc/grpc-server.ts'
import type { Access } from '../../../api/grpc/method.ts'
import { makeStatuses } from '../../../api/grpc/to-status.ts'
import { makeReadiness } from '../../../api/readiness.ts'
import { servicesOf } from '../../../proto/load-protocol.ts'
import { permissionsOfRole, type Role, roles } from '../../../queue/domain/user.ts'
import { makeNodeSessions } from '../../../api/grpc/workers/node-sessions.ts'
import { testSecret } from '../../support/gateway.ts'
import {
  answerOf,
  metadata,
  openTestGrpcGateway,
  protocol,
  statusOf,
  type TestGrpcGateway,
} from '../../support/grpc.ts'
import { aRemoteNode, nodeToken } from './workers/a-node.ts'

/** What each method of the protocol asks of its caller. One that is missing here fails the first test. */
const access: Record<string, Access> = {
  'noodle.v1.JobService/Submit': 'write',
  'noodle.v1.JobService/SubmitStream': 'write',
  'noodle.v1.JobService/Get': 'read',
  'noodle.v1.JobService/List': 'read',
  'noodle.v1.JobService/Watch': 'read',
  'noodle.v1.JobService/Cancel': 'write',
  'noodle.v1.JobService/Replay': 'write',
  'noodle.v1.JobService/ListTiers': 'read',
  'noodle.v1.WorkerService/GetSettings': 'execute',
  'noodle.v1.WorkerService/Register': 'execute',
  'noodle.v1.WorkerService/Work': 'execute',
  'noodle.v1.WorkerService/Goodbye': 'execute',
  'noodle.v1.WorkerService/WriteLogs': 'execute',
  'noodle.v1.WorkerService/SaveCheckpoint': 'execute',
  'noodle.v1.WorkerService/GetCheckpoint': 'execute',
  'noodle.v1.WorkerService/ReadPayload': 'execute',
  'noodle.v1.WorkerService/StoreBlob': 'execute',
  'noodle.v1.WorkerService/KeepArtifacts': 'execute',
  'noodle.v1.WorkerService/ReadSecrets': 'execute',
  'noodle.v1.WorkerService/ListFences': 'execute',
  'grpc.health.v1.Health/Check': 'anyone',
  'grpc.health.v1.Health/Watch': 'anyone',
  'grpc.reflection.v1.ServerReflection/ServerReflectionInfo': 'anyone',
}
const methods = [...servicesOf(protocol)].flatMap(([service, definition]) =>
  Object.entries(definition).map(([name, method]) => ({ name: `${service}/${name}`, method })),
)
const guarded = methods.filter(({ name }) => access[name] !== 'anyone')

/** A token counts for so much longer, since clocks differ. */
const toleranceSeconds = 5

let gateway: TestGrpcGateway
let foreignJob: string
beforeAll(async () => {
  gateway = await openTestGrpcGateway()
  const { body } = await gateway.call('POST', '/v1/jobs', {
    token: await gateway.tokenOf('user', 'theirs'),
    body: { task: 'echo' },
  })
  foreignJob = body.id
})

test('every method of the protocol is in the table of this test', () => {
  expect(methods.map(({ name }) => name).sort()).toEqual(Object.keys(access).sort())
})

test('a method without a declared access does not let the gateway start', () => {
  const statuses = makeStatuses(protocol)
  const services = allServices(
    gateway.gateway,
    protocol,
    statuses,
    makeReadiness(gateway.gateway, '0'),
    makeNodeSessions(),
  )
  for (const { name } of methods) {
    const [service, key = ''] = name.split('/')
    const without = (change: (method: object | undefined) => object | undefined) =>
      services.map((one) =>
        one.name === service
          ? { ...one, methods: { ...one.methods, [key]: change(one.methods[key]) as never } }
          : one,
      )
    for (const broken of [without(() => undefined), without((method) => ({ ...method, access: undefined }))])
      expect(() => makeGrpcServer(gateway.gateway, { protocol, statuses, services: broken })).toThrow(
        `The method ${name} of the protocol has no implementation that says who may call it.`,
      )
  }
})

test('no method lets in a caller without a token that is valid', async () => {
  const good = await gateway.tokenOf('admin')
  const claims = jwt.decode(good) as Record<string, unknown>
  const { kid = '' } = jwt.decode(good, { complete: true })?.header ?? {}
  const sign = (changed: Record<string, unknown>, secret = testSecret): string =>
    jwt.sign({ ...claims, ...changed }, secret, { header: { alg: 'HS256', typ: 'at+jwt', kid } })
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const disabled = await gateway.aUser('admin')
  const ofDisabled = gateway.gateway.auth.tokens.issue(disabled)
  await gateway.call('PATCH', `/v1/users/${disabled.id}`, { token: good, body: { disabled: true } })
  const refused = {
    'no token': metadata(),
    'an expired one': metadata(sign({ exp: Math.floor(Date.now() / 1000) - 60 })),
    'an unsigned one': metadata(`${encode({ alg: 'none', typ: 'at+jwt', kid })}.${encode(claims)}.`),
    'one that others signed': metadata(sign({}, 'another secret of more than thirty-two bytes')),
    'one for the dashboard': metadata(sign({ aud: 'noodle-admin' })),
    'one of a user who is disabled': metadata(ofDisabled),
    'no bearer': metadata(undefined, { authorization: `Basic ${good}` }),
  }
  for (const { name, method } of guarded)
    for (const [what, sent] of Object.entries(refused))
      expect({ name, what, ...(await statusOf(gateway.address, method, sent)) }).toMatchObject({
        name,
        what,
        code: status.UNAUTHENTICATED,
      })
})

test('a role gets no further than its permissions', async () => {
  const tokens = await Promise.all(roles.map(async (role) => [role, await gateway.tokenOf(role)] as const))
  for (const [role, token] of [...tokens, ['worker', nodeToken('far')] as const]) {
    for (const { name, method } of guarded) {
      const { code } = await statusOf(gateway.address, method, metadata(token))
      expect({ name, role, isDenied: code === status.PERMISSION_DENIED }).toEqual({
        name,
        role,
        isDenied: !mayCall(role, name),
      })
    }
  }
})

const mayCall = (role: Role, name: string): boolean =>
  permissionsOfRole[role].includes(access[name] as (typeof permissionsOfRole)[Role][number])

/** The methods of a service whose requests have one of these fields. */
const methodsWith = (service: string, fields: string[]) =>
  methods.filter(
    ({ name, method }) =>
      name.startsWith(`noodle.v1.${service}/`) && fieldsOf(method).some((field) => fields.includes(field)),
  )

const fieldsOf = (method: object): string[] =>
  (method as Described).requestType.type.field.map(({ name }) => name)

/** A method as proto-loader has it, with what its type does not tell. */
interface Described {
  requestType: { type: { field: { name: string }[] } }
}

test('a job of another tenant does not exist, whatever the method', async () => {
  const token = await gateway.tokenOf('user', 'ours')
  const ofOneJob = methodsWith('JobService', ['id'])
  expect(ofOneJob).toHaveLength(4)
  for (const { method } of ofOneJob) {
    expect(await statusOf(gateway.address, method, metadata(token), { id: foreignJob })).toMatchObject({
      code: status.NOT_FOUND,
      details: `There is no job ${foreignJob}.`,
    })
  }
  const listed = await new Promise((resolve) =>
    gateway.jobs.list({ tenant: 'theirs' }, metadata(token), (_, answer) => resolve(answer?.items)),
  )
  expect(listed).toEqual([])
  expect(
    (await gateway.call('GET', `/v1/jobs/${foreignJob}`, { token: await gateway.tokenOf('admin') })).body,
  ).toMatchObject({ state: 'pending' })
})

test('a node speaks for its own boots only, and of jobs that it does not hold it learns nothing', async () => {
  const { deps, address } = gateway
  const node = aRemoteNode(address, 'far', deps.newId())
  await node.register()
  const run = { bootId: node.bootId, jobId: foreignJob, fence: '1' }
  const head = { run, artifact: 'a', bytes: '1' }
  const said: Record<string, object> = {
    Register: node.registration,
    Work: { hello: { bootId: node.bootId } },
    Goodbye: { bootId: node.bootId },
    WriteLogs: { bootId: node.bootId, logs: [{ jobId: foreignJob, attempt: 1, firstSeq: 1, lines: [] }] },
    SaveCheckpoint: { run, valueJson: Buffer.from('1') },
    StoreBlob: { head },
  }
  const ofBoots = methodsWith('WorkerService', ['bootId', 'hello', 'run', 'head'])
  expect(ofBoots).toHaveLength(10) // all but GetSettings and ListFences
  for (const { name, method } of ofBoots) {
    const [, key = ''] = name.split('/')
    const call = (token: string) => statusOf(address, method, metadata(token), said[key] ?? { run })
    expect({ name, ...(await call(nodeToken('near'))) }).toMatchObject({
      ...{ name, code: status.PERMISSION_DENIED, details: expect.stringContaining('the node near') },
    })
    if (!fieldsOf(method).some((field) => ['run', 'head'].includes(field)) || key === 'SaveCheckpoint')
      continue
    expect({ name, ...(await call(nodeToken('far'))) }).toMatchObject({
      ...{
        name,
        code: status.FAILED_PRECONDITION,
        details: expect.stringContaining('does not hold the job'),
      },
    })
  }
  const own = metadata(nodeToken('far'))
  const kept = await answerOf((done) => node.client.saveCheckpoint(said['SaveCheckpoint'] ?? {}, own, done))
  const logs = await answerOf((done) => node.client.writeLogs(said['WriteLogs'] ?? {}, own, done))
  expect([kept, logs]).toEqual([{ isKept: false }, { taken: [false] }])
  expect(await deps.nodes.findBoot(node.bootId)).toMatchObject({ state: 'ready' }) // nobody said goodbye for it
})

test('a stream ends when its token runs out', async () => {
  const { deps, address } = gateway
  const user = await gateway.aUser('user')
  const { kid = '', alg = '' } = jwt.decode(await gateway.tokenOf('user'), { complete: true })?.header ?? {}
  const claims = jwt.decode(gateway.gateway.auth.tokens.issue(user)) as Record<string, unknown>
  const boot = deps.newId()
  await aRemoteNode(address, 'short', boot).register()
  const { body } = await gateway.call('POST', '/v1/jobs', {
    token: gateway.gateway.auth.tokens.issue(user),
    body: { task: 'echo' },
  })
  const exp = Math.floor(Date.now() / 1000) - toleranceSeconds + 2
  const token = jwt.sign({ ...claims, exp }, testSecret, {
    header: { alg, typ: 'at+jwt', kid },
  })
  const submitting = gateway.jobs.submitStream(metadata(token))
  submitting.write({ jobs: [{ task: 'echo' }] })
  const streams = [
    submitting,
    gateway.jobs.watch({ id: body.id as string }, metadata(token)),
    aRemoteNode(address, 'short', boot, nodeToken('short', 2 - toleranceSeconds)).work().call,
  ]
  const ends = streams.map(async (stream) => {
    stream.on('error', () => undefined)
    const ended = new Promise<StatusObject>((resolve) => stream.on('status', resolve))
    await new Promise((resolve) => stream.once('data', resolve)) // it is open
    return (await ended).code
  })
  expect(await Promise.all(ends)).toEqual(streams.map(() => status.UNAUTHENTICATED))
})

test('a stream ends when its user is disabled', async () => {
  const admin = await gateway.tokenOf('admin')
  for (const open of [
    (token: string) => gateway.jobs.submitStream(metadata(token)),
    (token: string, id: string) => gateway.jobs.watch({ id }, metadata(token)),
  ]) {
    const user = await gateway.aUser('user')
    const token = gateway.gateway.auth.tokens.issue(user)
    const { body } = await gateway.call('POST', '/v1/jobs', { token, body: { task: 'echo' } })
    const stream = open(token, body.id as string)
    stream.on('error', () => undefined)
    const ended = new Promise((resolve) => stream.on('status', resolve))
    if ('write' in stream) stream.write({ jobs: [{ task: 'echo' }] })
    await new Promise((resolve) => stream.once('data', resolve)) // it is open
    await gateway.call('PATCH', `/v1/users/${user.id}`, { token: admin, body: { disabled: true } })
    expect(await ended).toMatchObject({ code: status.UNAUTHENTICATED })
  }
})
