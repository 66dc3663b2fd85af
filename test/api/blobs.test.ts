import { expect, test } from '@jest/globals'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTerminal } from '../../queue/domain/job-state.ts'
import { anS3Server } from '../queue/store/blobs/an-s3-server.ts'
import { openTestGateway, type TestGateway } from '../support/gateway.ts'
import { testBlobDir } from '../support/test-blobs.ts'
import { waitFor } from '../support/wait-for.ts'
import { dispatchUntil, startWorker } from '../workers/real-worker.ts'

const textOf = (bytes: number): string => 'lorem ipsum äöü '.repeat(bytes / 16).slice(0, bytes)

async function submit(gateway: TestGateway, token: string, body: object): Promise<string> {
  const { status, body: job } = await gateway.call('POST', '/v1/jobs', { token, body })
  expect(status).toBe(202)
  return job.id as string
}

const ended = (gateway: TestGateway, id: string) =>
  dispatchUntil(gateway.deps, async () => {
    const job = await gateway.deps.jobs.find(id, null)
    return job && isTerminal(job.state) ? job : null
  })

const keysOf = async (gateway: TestGateway): Promise<string[]> => {
  const keys: string[] = []
  for await (const { key } of gateway.deps.blobs.list('')) keys.push(key)
  return keys.sort()
}

test.each([
  ['a folder', () => Promise.resolve({ BLOB_DIR: testBlobDir() })],
  ['S3', async () => (await anS3Server()).settings],
])(
  'payloads and results beyond the inline limit go through %s, and come back as they were',
  async (_, open) => {
    const settings: Record<string, string> = await open()
    const gateway = await openTestGateway(settings)
    const { call, deps } = gateway
    startWorker(gateway, settings)
    const token = await gateway.tokenOf('user', 'ours')
    const payload = { text: textOf(200_000), n: [1, 2, { a: null }] }
    const id = await submit(gateway, token, { task: 'echo', payload })
    const job = await ended(gateway, id)
    expect(job).toMatchObject({ state: 'succeeded', payload: null, result: null })
    expect(await keysOf(gateway)).toEqual([`ours/${id}/1/result`, `ours/${id}/payload`])

    const { body } = await call('GET', `/v1/jobs/${id}`, { token })
    expect(body).toMatchObject({ payload, result: payload })
    expect(body.resultRef.bytes).toBe(Buffer.byteLength(JSON.stringify(payload)))
    const [listed] = (await call('GET', '/v1/jobs', { token })).body.items
    expect(listed).toMatchObject({
      payload: null,
      result: null,
      payloadRef: { bytes: body.payloadRef.bytes },
    })

    const link = await fetch(gateway.url + (listed.payloadRef.url as string))
    expect({
      status: link.status,
      type: link.headers.get('Content-Type'),
      disposition: link.headers.get('Content-Disposition'),
      sniff: link.headers.get('X-Content-Type-Options'),
      policy: link.headers.get('Content-Security-Policy'),
    }).toEqual({
      status: 200,
      type: 'application/json',
      disposition: `attachment; filename="${id}-payload.json"; filename*=UTF-8''${id}-payload.json`,
      sniff: 'nosniff',
      policy: expect.stringContaining("default-src 'none'"),
    })
    expect(await link.json()).toEqual(payload)

    // A replay has a payload of its own.
    await deps.blobs.delete([`ours/${id}/payload`, `ours/${id}/1/result`]).then(() => undefined)
    expect(await call('POST', `/v1/jobs/${id}/replay`, { token })).toMatchObject({
      status: 404,
      body: { type: 'urn:noodle:error:blob-lost' },
    })
    expect((await call('GET', `/v1/jobs/${id}`, { token })).body).toMatchObject({
      state: 'succeeded',
      result: null,
    })
    const replay = await call('POST', `/v1/jobs/${id}/replay`, { token, body: { payload } })
    const again = await call(
      'POST',
      `/v1/jobs/${(await ended(gateway, replay.body.id as string)).id}/replay`,
      { token },
    )
    await deps.blobs.delete([`ours/${replay.body.id as string}/payload`])
    expect(await ended(gateway, again.body.id as string)).toMatchObject({ state: 'succeeded' })
  },
)

test('what is larger than a MiB is read by its link only, also in part', async () => {
  const gateway = await openTestGateway()
  const token = await gateway.tokenOf('user')
  const payload = textOf(1_500_000)
  const answer = await gateway.call('POST', '/v1/jobs', { token, body: { task: 'echo', payload } })
  expect(answer).toMatchObject({ status: 202, body: { payload: null } })
  const { payloadRef } = (await gateway.call('GET', `/v1/jobs/${answer.body.id as string}`, { token })).body
  const text = Buffer.from(JSON.stringify(payload))
  const get = (headers: Record<string, string>, method = 'GET') =>
    fetch(gateway.url + (payloadRef.url as string), { method, headers })
  const part = await get({ Range: 'bytes=1000000-1000099' })
  expect([part.status, part.headers.get('Content-Range'), part.headers.get('Content-Length')]).toEqual([
    206,
    `bytes 1000000-1000099/${String(text.length)}`,
    '100',
  ])
  expect(Buffer.from(await part.arrayBuffer()).equals(text.subarray(1_000_000, 1_000_100))).toBe(true)
  expect(await (await get({ Range: 'bytes=-3' })).text()).toBe(text.subarray(-3).toString())
  const beyond = await get({ Range: `bytes=${String(text.length)}-` })
  expect([beyond.status, beyond.headers.get('Content-Range')]).toEqual([
    416,
    `bytes */${String(text.length)}`,
  ])
  await beyond.text()
  const head = await get({}, 'HEAD')
  expect([head.status, head.headers.get('Content-Length'), head.headers.get('Accept-Ranges')]).toEqual([
    200,
    String(text.length),
    'bytes',
  ])
  const tag = head.headers.get('ETag') ?? ''
  expect((await get({ 'If-None-Match': tag })).status).toBe(304)
  const changed = await get({ Range: 'bytes=0-1', 'If-Range': '"another"' })
  expect([changed.status, (await changed.text()).length]).toEqual([200, payload.length + 2])
})

test('a link is refused when it has expired, or one character of it is another', async () => {
  let nowMs = Date.now()
  const gateway = await openTestGateway({ BLOB_LINK_SECONDS: '60' }, { nowMs: () => nowMs })
  const token = await gateway.tokenOf('user')
  const { body } = await gateway.call('POST', '/v1/jobs', {
    token,
    body: { task: 'echo', payload: textOf(40_000) },
  })
  const url = body.payloadRef.url as string
  expect((await gateway.call('GET', url)).status).toBe(200)
  const start = url.lastIndexOf('/') + 1
  for (const at of [start, start + 20, url.indexOf('.') + 1, url.length - 2]) {
    const other = url.slice(0, at) + (url[at] === 'A' ? 'B' : 'A') + url.slice(at + 1)
    expect(await gateway.call('GET', other)).toMatchObject({
      status: 403,
      body: { type: 'urn:noodle:error:link-not-valid' },
    })
  }
  for (const other of [
    url.slice(0, url.indexOf('.')),
    `${url}A`,
    '/v1/blobs/x',
    `/v1/blobs/${'x'.repeat(5000)}`,
  ])
    expect((await gateway.call('GET', other)).status).toBe(403)
  nowMs += 61_000
  expect(await gateway.call('GET', url)).toMatchObject({
    status: 403,
    body: { detail: expect.stringContaining('expired') },
  })
})

test('while the blob store is away large payloads are refused with 503 and nothing is stored; small ones go on', async () => {
  const server = await anS3Server()
  const gateway = await openTestGateway(server.settings)
  const token = await gateway.tokenOf('user')
  server.breakWith(503)
  const large = { task: 'echo', payload: textOf(40_000) }
  const refused = await gateway.call('POST', '/v1/jobs', { token, body: large })
  expect(refused).toMatchObject({ status: 503, body: { type: 'urn:noodle:error:blobs-unavailable' } })
  expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0)
  expect((await gateway.call('POST', '/v1/jobs/batch', { token, body: { jobs: [large] } })).status).toBe(503)
  await submit(gateway, token, { task: 'echo', payload: 'small' })
  expect((await gateway.call('GET', '/v1/jobs', { token })).body.items).toHaveLength(1)
  server.breakWith(undefined)
  await submit(gateway, token, large)
})

test('a worker waits for a blob store that is away, with the payload and with the result', async () => {
  const server = await anS3Server()
  const gateway = await openTestGateway(server.settings)
  const token = await gateway.tokenOf('user')
  const worker = startWorker(gateway, server.settings)
  await worker.ready
  const id = await submit(gateway, token, { task: 'echo', payload: textOf(40_000) })
  server.breakWith(500)
  await dispatchUntil(gateway.deps, () =>
    Promise.resolve(worker.output().includes('a store can not be used now')),
  )
  server.breakWith(undefined)
  expect(await ended(gateway, id)).toMatchObject({ state: 'succeeded', attempt: 1 })
})

test('a damaged payload fails the attempt, which says so, and is never sent as if it were whole', async () => {
  const settings = { BLOB_DIR: testBlobDir() }
  const gateway = await openTestGateway(settings)
  const token = await gateway.tokenOf('user')
  const { body } = await gateway.call('POST', '/v1/jobs', {
    token,
    body: { task: 'echo', payload: textOf(200_000), retry: { maxAttempts: 2, backoffMs: 0 } },
  })
  const file = join(settings.BLOB_DIR, 'default', body.id as string, 'payload')
  const bytes = readFileSync(file)
  bytes[100_000] = 0
  writeFileSync(file, bytes)
  startWorker(gateway, settings)
  expect(await ended(gateway, body.id as string)).toMatchObject({
    state: 'failed',
    attempt: 2,
    error: { code: 'BLOB_LOST', message: expect.stringContaining('damaged') },
  })
  const cutOff = await fetch(gateway.url + (body.payloadRef.url as string))
    .then((response) => response.text())
    .catch((error: unknown) => (error as Error).name)
  expect(cutOff).toBe('TypeError')
})

test('the same key and a large body give the first job again, and leave no second payload', async () => {
  const gateway = await openTestGateway()
  const token = await gateway.tokenOf('user')
  const body = { task: 'echo', payload: textOf(40_000) }
  const send = () => gateway.call('POST', '/v1/jobs', { token, body, headers: { 'Idempotency-Key': 'once' } })
  const [first, second] = [await send(), await send()]
  expect(second).toMatchObject({ status: 200, body: { id: first.body.id, payload: body.payload } })
  const inBatch = await gateway.call('POST', '/v1/jobs/batch', {
    token,
    body: {
      jobs: [
        { ...body, idempotencyKey: 'once' },
        { ...body, idempotencyKey: 'twice' },
      ],
    },
  })
  expect(inBatch.body).toMatchObject({ accepted: 2, results: [{ id: first.body.id }, {}] })
  await waitFor(async () => (await keysOf(gateway)).length === 2)
  expect(await keysOf(gateway)).toContain(`default/${first.body.id as string}/payload`)
})

test('small payloads and results never touch the blob store', async () => {
  const settings = { BLOB_DIR: testBlobDir() }
  const gateway = await openTestGateway(settings)
  startWorker(gateway, settings)
  const id = await submit(gateway, await gateway.tokenOf('user'), { task: 'echo', payload: textOf(20_000) })
  await ended(gateway, id)
  expect(() => readdirSync(settings.BLOB_DIR)).toThrow('ENOENT')
})
