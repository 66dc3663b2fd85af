import { beforeAll, expect, test } from '@jest/globals'
import { readConfig } from '../../core/config.ts'
import { openTestGateway, type TestGateway } from '../support/gateway.ts'

const origin = 'https://app.example.com'
let gateway: TestGateway
beforeAll(async () => {
  gateway = await openTestGateway({ CORS_ORIGINS: `${origin},http://127.0.0.1:3000` })
})

const allowed = (headers: Headers): string | null => headers.get('Access-Control-Allow-Origin')

/** As browsers ask before a call that is no plain one. */
const preflight = (url: string, from: string): Promise<Response> =>
  fetch(url, {
    method: 'OPTIONS',
    headers: {
      Origin: from,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'authorization,content-type,idempotency-key',
    },
  })

test('pages of the origins that are configured may call, with what clients send and read', async () => {
  const asked = await preflight(`${gateway.url}/v1/jobs`, origin)
  expect([asked.status, allowed(asked.headers)]).toEqual([204, origin])
  expect(asked.headers.get('Access-Control-Allow-Headers')).toMatch(
    /Authorization.*Idempotency-Key.*Last-Event-ID/,
  )
  expect(asked.headers.get('Access-Control-Allow-Credentials')).toBeNull()

  const token = await gateway.tokenOf('user')
  const called = await gateway.call('GET', '/v1/jobs', { token, headers: { Origin: origin } })
  expect([called.status, allowed(called.headers)]).toEqual([200, origin])
  expect(called.headers.get('Vary')).toMatch(/Origin/)
  expect(called.headers.get('Access-Control-Expose-Headers')).toMatch(/X-Request-Id,Retry-After/)
  // A page sees why it was refused, and streams, too.
  for (const path of ['/v1/jobs', '/v1/no-such-page', '/openapi.json'])
    expect(allowed((await gateway.call('GET', path, { headers: { Origin: origin } })).headers)).toBe(origin)
  const { body } = await gateway.call('POST', '/v1/jobs', { token, body: { task: 'echo' } })
  await gateway.call('POST', `/v1/jobs/${body.id as string}/cancel`, { token })
  const headers = { Origin: origin, Accept: 'text/event-stream' }
  const stream = await gateway.call('GET', `/v1/jobs/${body.id as string}/events`, { token, headers })
  expect([stream.headers.get('Content-Type'), allowed(stream.headers)]).toEqual(['text/event-stream', origin])
})

test('pages of other origins may not, nor may any reach the board', async () => {
  for (const other of ['https://evil.example', `${origin}.evil.example`, 'http://app.example.com', 'null'])
    expect(allowed((await preflight(`${gateway.url}/v1/jobs`, other)).headers)).toBeNull()
  expect(allowed((await preflight(`${gateway.url}/admin/login`, origin)).headers)).toBeNull()
})

test('without origins no page of another origin may call; with * all may', async () => {
  const closed = await openTestGateway()
  expect((await preflight(`${closed.url}/v1/jobs`, origin)).status).toBe(405)
  expect(allowed((await closed.call('GET', '/health', { headers: { Origin: origin } })).headers)).toBeNull()
  const open = await openTestGateway({ CORS_ORIGINS: '*' })
  expect(allowed((await preflight(`${open.url}/v1/jobs`, 'https://any.example')).headers)).toBe('*')
})

test.each(['https://app.example.com/', 'app.example.com', 'https://*.example.com', 'ftp://app.example.com'])(
  '%s is no origin',
  (text) => {
    expect(() => readConfig(['CORS_ORIGINS'], { CORS_ORIGINS: text })).toThrow(
      /CORS_ORIGINS.*must be an origin/s,
    )
  },
)
