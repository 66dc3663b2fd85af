import { beforeAll, expect, test } from '@jest/globals'
import { openTestGateway, type TestGateway } from '../support/gateway.ts'

let gateway: TestGateway
let token: string

beforeAll(async () => {
  gateway = await openTestGateway()
  token = await gateway.tokenOf('user')
})

/** Sends the exact bytes. */
async function post(path: string, body: string | Uint8Array, headers: Record<string, string> = {}) {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', ...headers },
    body,
  })
  const problem = (await response.json()) as {
    status: number
    title: string
    detail: string
    requestId: string
    errors?: { path: string; message: string }[]
  }
  return {
    status: response.status,
    contentType: response.headers.get('Content-Type'),
    problem,
    paths: problem.errors?.map((error) => error.path) ?? [],
  }
}

async function expectNothingStored(): Promise<void> {
  expect(await gateway.deps.jobs.list({}, { limit: 1 })).toEqual([])
}

const nested = (depth: number): string => `{"task":"echo","payload":${'['.repeat(depth)}${']'.repeat(depth)}}`
const job = (fields: string): string => `{"task":"echo",${fields}}`

test.each<[string, string | Uint8Array, number, string]>([
  ['no JSON', '{"task":', 400, ''],
  ['nothing', '', 400, ''],
  ['a list', '[]', 400, ''],
  ['null', 'null', 400, ''],
  ['no task', '{}', 400, 'task'],
  ['a number as task', '{"task":7}', 400, 'task'],
  ['a task of odd characters', '{"task":"../x"}', 400, 'task'],
  ['an unknown task', '{"task":"ecko"}', 422, 'task'],
  ['an unknown field', job('"priorty":3'), 400, 'priorty'],
  ['a field that only the server writes', job('"state":"succeeded"'), 400, 'state'],
  ['another tenant in the body', job('"tenant":"other"'), 400, 'tenant'],
  ['a field of a later version', job('"concurrencyKey":"a"'), 422, 'concurrencyKey'],
  ['a cache without a time', job('"cache":{}'), 400, 'cache.ttlSeconds'],
  ['a cache for no time', job('"cache":{"ttlSeconds":0}'), 400, 'cache.ttlSeconds'],
  ['a cache for part of a second', job('"cache":{"ttlSeconds":1.5}'), 400, 'cache.ttlSeconds'],
  ['a cache for ever', job('"cache":{"ttlSeconds":1e9}'), 400, 'cache.ttlSeconds'],
  ['a cache with a key of its own', job('"cache":{"ttlSeconds":3,"key":"task_*"}'), 400, 'cache.key'],
  [
    'a cache for a task that is not deterministic',
    '{"task":"sleep","payload":{"ms":1},"cache":{"ttlSeconds":3}}',
    422,
    'cache',
  ],
  ['a priority past its range', job('"priority":10'), 400, 'priority'],
  ['a priority with a fraction', job('"priority":1.5'), 400, 'priority'],
  ['a priority as text', job('"priority":"5"'), 400, 'priority'],
  ['a huge number', job('"priority":1e999'), 400, 'priority'],
  ['a huge number in the payload', job('"payload":{"a":[1,1e999]}'), 400, 'payload.a.1'],
  ['an integer that would lose digits', job('"payload":{"id":12345678901234567890}'), 400, 'payload.id'],
  ['a requirement that does not exist', job('"requirement":"huge"'), 400, 'requirement'],
  ['resources that no tier has', job('"resources":{"gpu":3}'), 422, 'resources.gpu'],
  ['an unknown resource', job('"resources":{"tpu":1}'), 400, 'resources.tpu'],
  ['a negative cpu', job('"resources":{"cpu":-1}'), 400, 'resources.cpu'],
  ['a time that is none', job('"runAt":"tomorrow"'), 400, 'runAt'],
  ['a time without an offset', job('"runAt":"2026-11-23T15:00:00"'), 400, 'runAt'],
  ['a time far away', job('"runAt":"9999-12-31T23:59:59Z"'), 400, 'runAt'],
  ['two times', job('"runAt":"2026-11-23T15:00:00Z","delayMs":5'), 400, 'delayMs'],
  [
    'an end before the beginning',
    job('"runAt":"2026-11-23T15:00:00Z","expiresAt":"2026-11-23T14:00:00Z"'),
    400,
    'expiresAt',
  ],
  ['a negative delay', job('"delayMs":-1'), 400, 'delayMs'],
  ['no attempts', job('"retry":{"maxAttempts":0}'), 400, 'retry.maxAttempts'],
  ['an unknown strategy', job('"retry":{"strategy":"linear"}'), 400, 'retry.strategy'],
  ['labels that are no text', job('"labels":{"a":1}'), 400, 'labels.a'],
  ['a label name of odd characters', job('"labels":{"a b":"x"}'), 400, 'labels.a b'],
  [
    'too many labels',
    job(`"labels":{${Array.from({ length: 33 }, (_, i) => `"l${String(i)}":""`).join()}}`),
    400,
    'labels',
  ],
  ['deep nesting', nested(33), 400, `payload${'.0'.repeat(31)}`],
  ['very deep nesting', nested(100_000), 400, `payload${'.0'.repeat(31)}`],
  ['__proto__', job('"payload":{"__proto__":{"admin":true}}'), 400, 'payload.__proto__'],
  ['__proto__ at the top', '{"task":"echo","__proto__":{}}', 400, '__proto__'],
  ['__proto__ in disguise', job('"payload":{"\\u005f_proto__":1}'), 400, 'payload.__proto__'],
  ['a NUL', job('"payload":{"a":"x\\u0000y"}'), 400, 'payload.a'],
  ['a NUL in a name', job('"payload":{"x\\u0000":1}'), 400, 'payload.x\0'],
  ['half of a surrogate pair', job('"payload":"\\ud800"'), 400, 'payload'],
  ['a key twice', '{"task":"echo","task":"sleep"}', 400, 'task'],
  ['a key twice, deep down', job('"payload":[{"a":{"b":1,"c":2,"b":3}}]'), 400, 'payload.0.a.b'],
  ['a key twice, once in disguise', job('"payload":{"a":1,"\\u0061":2}'), 400, 'payload.a'],
  [
    'invalid UTF-8',
    Uint8Array.from([...Buffer.from('{"task":"echo","payload":"'), 0xc3, 0x28, ...Buffer.from('"}')]),
    400,
    '',
  ],
  [
    'too many names',
    job(`"payload":{${Array.from({ length: 10_001 }, (_, i) => `"${String(i)}":0`).join()}}`),
    400,
    'payload.9998',
  ],
  ['a payload that does not fit its task', '{"task":"sleep","payload":{"ms":-5}}', 422, 'payload.ms'],
  [
    'a payload with a field that its task does not know',
    '{"task":"sleep","payload":{"ms":5,"s":1}}',
    422,
    'payload.s',
  ],
  ['a command as text', '{"task":"command","payload":{"argv":"rm -rf /"}}', 422, 'payload.argv'],
  ['a command of nothing', '{"task":"command","payload":{"argv":[]}}', 422, 'payload.argv'],
  ['a call to a file', '{"task":"http","payload":{"url":"file:///etc/passwd"}}', 422, 'payload.url'],
  [
    'a call with a header of the connection',
    '{"task":"http","payload":{"url":"http://a.example","headers":{"Host":"b"}}}',
    422,
    'payload.headers.Host',
  ],
  [
    'a call with an unknown field',
    '{"task":"http","payload":{"url":"http://a.example","x":1}}',
    422,
    'payload.x',
  ],
])('a job with %s is refused with a problem that names the field', async (_name, body, status, path) => {
  const answer = await post('/v1/jobs', body)
  expect(answer).toMatchObject({
    status,
    contentType: 'application/problem+json; charset=utf-8',
    problem: { status },
  })
  expect(answer.paths).toContain(path)
  expect(answer.problem.detail).toMatch(/\.$/)
  expect(answer.problem.requestId).toMatch(/./)
  await expectNothingStored()
})

test('a body of 10 MB is refused as too large, with the limit', async () => {
  const answer = await post('/v1/jobs', job(`"payload":"${'x'.repeat(10_000_000)}"`))
  expect(answer).toMatchObject({ status: 413, problem: { detail: 'The body is larger than 8388608 bytes.' } })
  await expectNothingStored()
})

test('a small body that unpacks to a large one is refused as too large', async () => {
  const { gzipSync } = await import('node:zlib')
  const answer = await post('/v1/jobs', gzipSync(job(`"payload":"${'x'.repeat(10_000_000)}"`)), {
    'Content-Encoding': 'gzip',
  })
  expect(answer.status).toBe(413)
})

test('another content type is refused with the one that is taken', async () => {
  for (const type of [
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'application/json; charset=latin1',
  ]) {
    expect(await post('/v1/jobs', '{"task":"echo"}', { 'Content-Type': type })).toMatchObject({
      status: 415,
      paths: ['Content-Type'],
    })
  }
})

test.each([
  ['?limit=0', 'limit'],
  ['?limit=201', 'limit'],
  ['?limit=ten', 'limit'],
  ['?limit=5&limit=6', 'limit'],
  ['?cursor=nonsense', 'cursor'],
  ['?state=sleeping', 'state.0'],
  ['?label=nocolon', 'label'],
  ['?createdAfter=yesterday', 'createdAfter'],
  ['?q=%00', 'q'],
  ['?colour=red', 'colour'],
  ['?__proto__=1', '__proto__'],
])('a list with %s is refused with a problem that names the parameter', async (query, path) => {
  const { status, body } = await gateway.call('GET', `/v1/jobs${query}`, { token })
  expect({ status, paths: body.errors?.map((error: { path: string }) => error.path) }).toEqual({
    status: 400,
    paths: [path],
  })
})

test.each<[string, string, Record<string, string>, string]>([
  ['POST', '/v1/jobs', { 'Idempotency-Key': '""' }, 'Idempotency-Key'],
  ['POST', '/v1/jobs', { 'Idempotency-Key': 'x'.repeat(256) }, 'Idempotency-Key'],
  ['POST', '/v1/jobs', { Prefer: 'wait=61' }, 'Prefer'],
  ['POST', '/v1/jobs', { Prefer: 'wait=soon' }, 'Prefer'],
])('%s %s with the header %p is refused', async (method, path, headers, field) => {
  const { status, body } = await gateway.call(method, path, { token, body: { task: 'echo' }, headers })
  expect({ status, field: body.errors?.[0]?.path }).toEqual({ status: 400, field })
  await expectNothingStored()
})

test('an id that is none is refused, and one that does not exist is not found', async () => {
  expect((await gateway.call('GET', '/v1/jobs/42', { token })).status).toBe(400)
  expect((await gateway.call('GET', '/v1/jobs/%00', { token })).status).toBe(400)
  expect((await gateway.call('GET', '/v1/jobs/%E0%A4%A', { token })).status).toBe(400)
  expect((await gateway.call('GET', `/v1/jobs/${gateway.deps.newId()}`, { token })).status).toBe(404)
})

test('a call that does not exist, a method that is not possible, and a part for later are told apart', async () => {
  expect(await gateway.call('GET', '/v1/nothing', { token })).toMatchObject({
    status: 404,
    body: { detail: 'There is no such page; /docs lists all calls.' },
  })
  const wrongMethod = await gateway.call('PUT', '/v1/jobs', { token, body: {} })
  expect({ status: wrongMethod.status, allow: wrongMethod.headers.get('Allow') }).toEqual({
    status: 405,
    allow: 'POST, GET',
  })
  expect(await gateway.call('POST', '/v1/workflows', { token, body: {} })).toMatchObject({
    status: 404,
    body: { detail: expect.stringContaining('not part of this version') },
  })
})

test.each([
  ['no jobs', { jobs: [] }, 'jobs'],
  ['jobs that are no list', { jobs: {} }, 'jobs'],
  ['an unknown field beside them', { jobs: [{ task: 'echo' }], atomic: true }, 'atomic'],
])('a batch with %s is refused', async (_name, body, path) => {
  const answer = await post('/v1/jobs/batch', JSON.stringify(body))
  expect(answer.status).toBe(400)
  expect(answer.paths).toContain(path)
  await expectNothingStored()
})
