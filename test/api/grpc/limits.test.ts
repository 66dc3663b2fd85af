import { connect } from 'node:http2'
import { expect, test } from '@jest/globals'
import { type Metadata, status, type StatusObject } from '@grpc/grpc-js'
import pg from 'pg'
import { openGrpc } from '../../../api/grpc/open-grpc.ts'
import type { SubmitRequest } from '../../../proto/generated/noodle/v1/SubmitRequest.ts'
import type { SubmitStreamResponse__Output } from '../../../proto/generated/noodle/v1/SubmitStreamResponse.ts'
import { serviceOf } from '../../../proto/load-protocol.ts'
import { makeNodeSessions } from '../../../api/grpc/workers/node-sessions.ts'
import { cleanUp } from '../../support/clean-up.ts'
import {
  answerOf,
  clientOf,
  detailsOf,
  metadata,
  openTestGrpcGateway,
  protocol,
  refusalOf,
  statusOf,
  type TestGrpcGateway,
} from '../../support/grpc.ts'
import { waitFor } from '../../support/wait-for.ts'

const submit = (gateway: Pick<TestGrpcGateway, 'jobs'>, request: SubmitRequest, sent: Metadata) =>
  answerOf((done) => gateway.jobs.submit(request, sent, done))

const listed = async (gateway: TestGrpcGateway, token: string): Promise<unknown[]> =>
  (await gateway.call('GET', '/v1/jobs', { token })).body.items

test('a message past the limit is refused, also one that was small while it was compressed', async () => {
  const gateway = await openTestGrpcGateway()
  const token = await gateway.tokenOf('user')
  const bomb = { job: { task: 'echo', payloadJson: Buffer.alloc(40_000_000, 0x20) } }
  expect(await refusalOf(submit(gateway, bomb, metadata(token)))).toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
  })
  const gzip = clientOf('noodle.v1.JobService', gateway.address, undefined, {
    'grpc.default_compression_algorithm': 2,
  })
  expect(await refusalOf(submit({ jobs: gzip }, bomb, metadata(token)))).toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
  })
  await submit({ jobs: gzip }, { job: { task: 'echo' } }, metadata(token)) // compressed messages as such are taken
  expect(await listed(gateway, token)).toHaveLength(1)
})

test('a client may send a message of a thousand jobs without waiting for it to be read', async () => {
  const gateway = await openTestGrpcGateway()
  const session = connect(`http://${gateway.address}`)
  cleanUp(() => session.close())
  const path = '/noodle.v1.JobService/SubmitStream'
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' })
  stream.resume().end()
  await waitFor(() => session.remoteSettings.initialWindowSize === 1_048_576)
  await waitFor(() => (session.state.remoteWindowSize ?? 0) > 1_000_000)
})

test('ten thousand entries of metadata are refused, and others are served', async () => {
  const gateway = await openTestGrpcGateway()
  const token = await gateway.tokenOf('user')
  const many = metadata(token)
  for (let i = 0; i < 10_000; i++) many.set(`x-${String(i)}`, 'y')
  const code = await refusalOf(submit(gateway, { job: { task: 'echo' } }, many)).then((error) => error.code)
  expect([status.INTERNAL, status.UNAVAILABLE, status.RESOURCE_EXHAUSTED]).toContain(code)
  expect(await listed(gateway, token)).toEqual([])
  const other = clientOf('noodle.v1.JobService', gateway.address)
  await submit({ jobs: other }, { job: { task: 'echo' } }, metadata(token))
})

/** Bytes of a value of lists within lists, which no decoder of messages follows to its end. */
function nestedValue(depth: number): Buffer {
  let value: Buffer = Buffer.from([0x08, 0x00])
  for (let i = 0; i < depth; i++) value = field(6, field(1, value))
  return value
}

function field(number: number, content: Buffer): Buffer {
  const length: number[] = []
  for (let left = content.length; ; left >>>= 7) {
    length.push(left > 127 ? (left & 127) | 128 : left)
    if (left <= 127) break
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), content])
}

test('payloads that are bombs or poison are refused by what is wrong with them', async () => {
  const gateway = await openTestGrpcGateway()
  const token = await gateway.tokenOf('user')
  const { requestSerialize } = serviceOf(protocol, 'noodle.v1.JobService')['Submit'] ?? {}
  if (!requestSerialize) throw new Error('There is no Submit.')
  const text = (json: string): SubmitRequest => ({ job: { task: 'echo', payloadJson: Buffer.from(json) } })
  const members = (count: number): string =>
    `{${Array.from({ length: count }, (_, i) => `"k${String(i)}":0`).join()}}`
  const struct = (fields: Record<string, object>): SubmitRequest => ({
    job: { task: 'echo', payload: { structValue: { fields } } },
  })
  // Written by hand: in JavaScript no message holds such a name.
  const proto = field(1, Buffer.concat([field(1, Buffer.from('__proto__')), field(2, field(5, proto5()))]))
  const raw = (payload: Buffer): Buffer =>
    field(1, Buffer.concat([field(1, Buffer.from('echo')), field(3, payload)]))
  const bombs: [what: string, request: SubmitRequest | Buffer, message: RegExp][] = [
    ['deep JSON', text('['.repeat(10_000) + ']'.repeat(10_000)), /nested deeper than 31/],
    ['many names', text(members(10_001)), /more than 10000 names/],
    ['__proto__ in JSON', text('{"a":{"__proto__":{"polluted":true}}}'), /payload.a.__proto__ is a name/],
    ['a name twice', text('{"a":1,"a":2}'), /payload.a appears twice/],
    ['deep values', raw(nestedValue(40)), /nested deeper than 31|nesting depth/],
    ['very deep values', raw(nestedValue(2000)), /can not be read: .*depth/],
    ['__proto__ in a value', raw(field(5, proto)), /payload.__proto__ is a name that is not allowed/],
    [
      'many names in a value',
      struct(
        Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`k${String(i)}`, { boolValue: true }])),
      ),
      /more than 10000 names/,
    ],
    ['not a number', struct({ a: { numberValue: NaN } }), /payload.a is a number that JSON does not have/],
    ['a value of no kind', struct({ a: {} }), /payload.a is a value without a kind/],
    ['NUL', struct({ a: { stringValue: 'x\0' } }), /payload.a holds a NUL/],
    ['no message at all', Buffer.from([0xff, 0xff, 0xff]), /can not be read/],
  ]
  for (const [what, request, message] of bombs) {
    const method = {
      ...serviceOf(protocol, 'noodle.v1.JobService')['Submit'],
      requestSerialize: (bytes: object) => bytes as Buffer,
    }
    const bytes = Buffer.isBuffer(request) ? request : requestSerialize(request)
    const answer = await statusOf(gateway.address, method as never, metadata(token), bytes)
    expect({ what, code: answer.code, details: answer.details }).toEqual({
      what,
      code: status.INVALID_ARGUMENT,
      details: expect.stringMatching(message),
    })
  }
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  expect(await listed(gateway, token)).toEqual([])
})

/** A Struct with a member `polluted`. */
const proto5 = (): Buffer =>
  field(1, Buffer.concat([field(1, Buffer.from('polluted')), field(2, Buffer.from([0x20, 0x01]))]))

test('a deadline ends a call that waits, and nothing goes on for its caller', async () => {
  const gateway = await openTestGrpcGateway()
  const token = await gateway.tokenOf('user')
  const before = Date.now()
  const waiting = answerOf((done) =>
    gateway.jobs.submit(
      { job: { task: 'echo' }, waitSeconds: 60 },
      metadata(token),
      { deadline: Date.now() + 300 },
      done,
    ),
  )
  expect((await refusalOf(waiting)).code).toBe(status.DEADLINE_EXCEEDED)
  expect(Date.now() - before).toBeLessThan(10_000)
  const [job] = (await listed(gateway, token)) as { id: string }[]
  await waitFor(async () => {
    const { body } = await gateway.call('GET', '/metrics')
    return /noodle_grpc_call_duration_seconds_count\{method="noodle.v1.JobService\/Submit",code="(DEADLINE_EXCEEDED|CANCELLED)"\} 1/.test(
      body as string,
    )
  })
  expect(job).toBeDefined()
})

test('streams are limited per user, and a stream that ends makes room', async () => {
  const gateway = await openTestGrpcGateway({ GRPC_STREAMS_PER_USER: '2' })
  const token = await gateway.tokenOf('user')
  const { body } = await gateway.call('POST', '/v1/jobs', { token, body: { task: 'echo' } })
  const open = () => {
    const stream = gateway.jobs.watch({ id: body.id }, metadata(token))
    stream.on('error', () => undefined)
    const outcome = Promise.race([
      new Promise<'open'>((resolve) => stream.once('data', () => resolve('open'))),
      new Promise<StatusObject>((resolve) => stream.on('status', resolve)),
    ])
    return { stream, outcome }
  }
  const first = open()
  expect([await first.outcome, await open().outcome]).toEqual(['open', 'open'])
  expect(await open().outcome).toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
    details: /GRPC_STREAMS_PER_USER/,
  })
  first.stream.cancel()
  await waitFor(async () => (await open().outcome) === 'open')
})

test('calls count with the requests over HTTP, and the jobs of a stream each', async () => {
  const gateway = await openTestGrpcGateway({
    RATE_LIMIT_REQUESTS_PER_MINUTE: '6',
    RATE_LIMIT_JOBS_PER_MINUTE: '5',
  })
  const token = await gateway.tokenOf('user')
  for (let i = 0; i < 2; i++) await gateway.call('POST', '/v1/jobs', { token, body: { task: 'echo' } }) // 2 jobs
  await submit(gateway, { job: { task: 'echo' } }, metadata(token)) // 3
  const stream = gateway.jobs.submitStream(metadata(token))
  const results: SubmitStreamResponse__Output['results'] = []
  stream.on('data', (answer: SubmitStreamResponse__Output) => results.push(...answer.results))
  const ended = new Promise((resolve) => stream.on('status', resolve))
  stream.write({ jobs: [{ task: 'echo' }, { task: 'echo' }] }) // 5
  await waitFor(() => results.length === 2)
  stream.end({ jobs: [{ task: 'echo' }] })
  expect(await ended).toMatchObject({ code: status.OK })
  expect(results.map(({ error }) => error?.code)).toEqual([undefined, undefined, status.RESOURCE_EXHAUSTED])

  await gateway.call('GET', '/v1/jobs', { token }) // the 5th request
  await submit(gateway, { job: { task: '!' } }, metadata(token)).catch(() => undefined) // the 6th
  const refused = await refusalOf(submit(gateway, { job: { task: 'echo' } }, metadata(token)))
  expect(refused).toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
    details: expect.stringContaining('requests a minute'),
  })
  const wait = detailsOf(refused)['RetryInfo'] as { retryDelay: { seconds: string } }
  expect(Number(wait.retryDelay.seconds)).toBeGreaterThan(0)
  expect((await gateway.call('GET', '/v1/jobs', { token })).status).toBe(429)
  const anonymous = await refusalOf(answerOf((done) => gateway.jobs.listTiers({}, done)))
  expect(anonymous.code).toBe(status.UNAUTHENTICATED) // counted for its network
})

test('overload and a Postgres that does not answer are told, with when to try again', async () => {
  const gateway = await openTestGrpcGateway({ STATEMENT_TIMEOUT_MS: '300' })
  const token = await gateway.tokenOf('user')
  const { isCrowded } = gateway.deps.acceptBatch
  gateway.deps.acceptBatch.isCrowded = () => true
  const shed = await refusalOf(submit(gateway, { job: { task: 'echo' } }, metadata(token)))
  expect(shed.code).toBe(status.UNAVAILABLE)
  expect(detailsOf(shed)).toMatchObject({
    ErrorInfo: { reason: 'OVERLOADED' },
    RetryInfo: { retryDelay: { seconds: '1' } },
  })
  gateway.deps.acceptBatch.isCrowded = isCrowded

  const blocker = new pg.Client({ connectionString: gateway.databaseUrl })
  await blocker.connect()
  cleanUp(() => blocker.end())
  await blocker.query('BEGIN; LOCK TABLE jobs')
  const away = await refusalOf(submit(gateway, { job: { task: 'echo' } }, metadata(token)))
  expect(away.code).toBe(status.UNAVAILABLE)
  expect(detailsOf(away)).toMatchObject({
    ErrorInfo: { reason: 'POSTGRES_UNAVAILABLE' },
    RetryInfo: { retryDelay: { seconds: expect.anything() } },
    RequestInfo: { requestId: expect.stringMatching(/.+/) },
  })
  const stream = gateway.jobs.submitStream(metadata(token))
  const answer = new Promise<SubmitStreamResponse__Output>((resolve) => stream.once('data', resolve))
  stream.end({ jobs: [{ task: 'echo' }] })
  expect((await answer).results).toMatchObject([{ index: '0', error: { code: status.UNAVAILABLE } }])
  await blocker.query('ROLLBACK')
})

test('a stop ends streams with the way out, and calls that wait for their end are cut in time', async () => {
  const gateway = await openTestGrpcGateway()
  const server = openGrpc(gateway.gateway, makeNodeSessions())
  cleanUp(() => server.stop())
  const jobs = clientOf('noodle.v1.JobService', `127.0.0.1:${String(await server.start())}`)
  const token = await gateway.tokenOf('user')
  const { body } = await gateway.call('POST', '/v1/jobs', { token, body: { task: 'echo' } })
  const stream = jobs.watch({ id: body.id }, metadata(token))
  stream.on('error', () => undefined)
  const ended = new Promise((resolve) => stream.on('status', resolve))
  await new Promise((resolve) => stream.once('data', resolve))
  gateway.beginStop()
  await Promise.all([server.stop(), server.stop()])
  expect(await ended).toMatchObject({
    code: status.UNAVAILABLE,
    details: expect.stringContaining('stopping'),
  })
})

test('a port that is taken is told by the option that names it', async () => {
  const gateway = await openTestGrpcGateway()
  const taken = Number(gateway.address.split(':')[1])
  const other = openGrpc(
    { ...gateway.gateway, config: { ...gateway.gateway.config, GRPC_PORT: taken } },
    makeNodeSessions(),
  )
  await expect(other.start()).rejects.toThrow(
    `Port ${String(taken)} for gRPC is taken. Free it, or set GRPC_PORT to another; 0 listens nowhere.`,
  )
  await other.stop()
})
