import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { expect, test } from '@jest/globals'
import { certificateTest } from '../../support/certificates.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { waitFor } from '../../support/wait-for.ts'
import { aFolder } from '../a-run.ts'
import { allowedHost, openHttp, serve } from './http-server.ts'
import { listen } from '../../support/listen.ts'

test('a call without anything else is a GET, and tells status, headers and body', async () => {
  const { url, seen } = await serve(allowedHost, (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'x-mood': 'fine' }).end('{"a":[1,"ü"]}')
  })
  const { run, told } = openHttp()
  const result = await run({ url: `${url}/path?key=secret#part` })
  expect(result).toEqual({
    status: 200,
    url: `${url}/path?key=secret#part`,
    headers: expect.objectContaining({ 'content-type': 'application/json', 'x-mood': 'fine' }),
    body: { a: [1, 'ü'] },
    encoding: 'json',
    truncated: false,
  })
  expect(seen).toMatchObject([{ method: 'GET', path: '/path?key=secret', body: '' }])
  expect(told).toEqual([expect.stringMatching(/^GET http:\/\/127.0.0.2:\d+\/path: 200, \d+ ms$/)])
})

test('a body makes it a POST: a text as it is, anything else as JSON, with headers that name the run', async () => {
  const { url, seen } = await serve(allowedHost)
  const { run } = openHttp()
  await run(
    { url, body: { to: 'Ada' } },
    { id: '01900000-0000-7000-8000-0000000000ff', attempt: 2, fence: 9 },
  )
  await run({ url, body: 'plain ü' })
  await run({
    url,
    body: 'a=1',
    method: 'PUT',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  })
  await run({ url, body: null, headers: { 'Idempotency-Key': 'mine', 'X-Api-Key': 'k' } })
  expect(seen[0]?.headers).toEqual({
    host: url.slice('http://'.length),
    connection: 'close',
    accept: '*/*',
    'accept-encoding': 'gzip, deflate',
    'content-type': 'application/json',
    'content-length': '12',
    'user-agent': expect.stringMatching(/^noodle\/\d/),
    'idempotency-key': '01900000-0000-7000-8000-0000000000ff',
    'noodle-job-id': '01900000-0000-7000-8000-0000000000ff',
    'noodle-attempt': '2',
    'noodle-fence': '9',
  })
  expect(seen.map(({ method, body }) => [method, body])).toEqual([
    ['POST', '{"to":"Ada"}'],
    ['POST', 'plain ü'],
    ['PUT', 'a=1'],
    ['POST', 'null'],
  ])
  expect(seen[1]?.headers['content-type']).toBe('text/plain; charset=utf-8')
  expect(seen[2]?.headers['content-type']).toBe('application/x-www-form-urlencoded')
  expect(seen[3]?.headers).toMatchObject({ 'idempotency-key': 'mine', 'x-api-key': 'k' })
})

test.each([
  ['an unknown field', { url: 'http://127.0.0.2/', query: {} }],
  ['a body with GET', { url: 'http://127.0.0.2/', method: 'GET', body: 'x' }],
  ['a method that is none', { url: 'http://127.0.0.2/', method: 'CONNECT' }],
  ['a header with a line end', { url: 'http://127.0.0.2/', headers: { 'x-a': 'b\r\nx-evil: 1' } }],
  ['a header beyond latin-1', { url: 'http://127.0.0.2/', headers: { 'x-a': '\u0100' } }],
  ['a name of a header with a space', { url: 'http://127.0.0.2/', headers: { 'x a': 'b' } }],
  ['a header of the connection', { url: 'http://127.0.0.2/', headers: { Host: 'other' } }],
  ['a length of its own', { url: 'http://127.0.0.2/', headers: { 'content-length': '3' } }],
  ['a mark of another run', { url: 'http://127.0.0.2/', headers: { 'Noodle-Job-Id': 'x' } }],
  ['a header twice', { url: 'http://127.0.0.2/', headers: { 'x-a': '1', 'X-A': '2' } }],
  ['a status that is none', { url: 'http://127.0.0.2/', expect: [600] }],
  ['a class that is none', { url: 'http://127.0.0.2/', expect: ['20x'] }],
])('%s does not fit', async (_, payload) => {
  await expect(openHttp().run(payload)).rejects.toMatchObject({ code: 'PAYLOAD_MISFIT' })
})

test.each([
  [200, {}, null],
  [204, {}, null],
  [404, {}, 'PermanentFailure'],
  [403, {}, 'PermanentFailure'],
  [304, {}, 'PermanentFailure'],
  [408, {}, 'TaskFailure'],
  [425, {}, 'TaskFailure'],
  [429, {}, 'TaskFailure'],
  [500, {}, 'TaskFailure'],
  [503, {}, 'TaskFailure'],
  [404, { expect: ['2xx', 404] }, null],
  [200, { expect: [201] }, 'PermanentFailure'],
  [404, { retryOn: ['4xx'] }, 'TaskFailure'],
  [503, { retryOn: [] }, 'PermanentFailure'],
])('status %i with %j: %s', async (status, fields, failure) => {
  const { url } = await serve(allowedHost, (_, response) => void response.writeHead(status).end())
  const ended = openHttp().run({ url, ...fields })
  if (failure === null) expect(await ended).toMatchObject({ status })
  else await expect(ended).rejects.toMatchObject({ name: failure, code: 'HTTP_STATUS' })
})

test('the error of an unexpected status has the begin of the body, and how long to wait', async () => {
  const { url } = await serve(allowedHost, (_, response) => {
    response.writeHead(429, { 'retry-after': '120', 'content-type': 'text/plain' }).end('slow down\n')
  })
  await expect(openHttp().run({ url: `${url}/a?key=secret` })).rejects.toThrow(
    `GET ${url}/a answered 429 Too Many Requests, Retry-After 120: slow down`,
  )
})

test('an endpoint that is not there, or a name, is a failure that may be tried again', async () => {
  const { run } = openHttp({ names: {} })
  await expect(run({ url: 'http://nowhere.example/' })).rejects.toMatchObject({
    name: 'TaskFailure',
    code: 'HTTP_FAILED',
    message: 'GET http://nowhere.example/ failed: getaddrinfo ENOTFOUND nowhere.example.',
  })
  await expect(run({ url: `http://${allowedHost}:1/` })).rejects.toMatchObject({
    name: 'TaskFailure',
    code: 'HTTP_FAILED',
    message: expect.stringContaining('ECONNREFUSED'),
  })
})

test.each([
  ['text/html', Buffer.from('<p>'), '<p>', 'text'],
  ['application/problem+json', Buffer.from('{"a":1}'), { a: 1 }, 'json'],
  ['application/json', Buffer.from('{"a":'), '{"a":', 'text'],
  ['application/json', Buffer.from('{"a":"\\u0000"}'), '{"a":"\\u0000"}', 'text'],
  ['application/json', Buffer.from('"\\ud800"'), '"\\ud800"', 'text'],
  ['application/json', Buffer.from('['.repeat(20_000) + ']'.repeat(20_000)), expect.any(String), 'text'],
  ['application/json', Buffer.from('{"__proto__":{"x":1}}'), JSON.parse('{"__proto__":{"x":1}}'), 'json'],
  ['text/plain; charset=iso-8859-1', Buffer.from([0xfc]), 'ü', 'text'],
  ['text/plain', Buffer.from([0xfc]), '/A==', 'base64'],
  ['text/plain', Buffer.from('a\0b'), 'YQBi', 'base64'],
  ['image/png', Buffer.from('abc'), 'YWJj', 'base64'],
  ['text/plain', Buffer.from(''), '', 'text'],
])('a body of %s is told so that it can be stored (%#)', async (type, bytes, body, encoding) => {
  const { url } = await serve(allowedHost, (_, response) => {
    response.writeHead(200, { 'content-type': type }).end(bytes)
  })
  expect(await openHttp().run({ url })).toMatchObject({ body, encoding, truncated: false })
})

test('a body without end is cut, and its connection closed', async () => {
  let sent = 0
  const { url, open } = await serve(allowedHost, (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(65_536))) sent += 65_536
    }
    response.on('drain', more)
    more()
  })
  const result = await openHttp({ bodyBytes: 10_000 }).run({ url })
  expect(result).toMatchObject({ truncated: true, encoding: 'text', body: 'x'.repeat(10_000) })
  await waitFor(() => open() === 0)
  expect(sent).toBeLessThan(20_000_000) // what the system takes before anybody reads
})

test('a compressed body is unpacked no further than is kept', async () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000, 'a'))
  const { url } = await serve(allowedHost, ({ url: path }, response) => {
    const body = path === '/bomb' ? bomb : gzipSync('{"a":1}')
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'application/json' }).end(body)
  })
  const { run } = openHttp({ bodyBytes: 10_000 })
  expect(await run({ url })).toMatchObject({ body: { a: 1 }, truncated: false })
  expect(await run({ url: `${url}/bomb` })).toMatchObject({ body: 'a'.repeat(10_000), truncated: true })
})

test('a body of just the size that is kept is whole', async () => {
  const { url } = await serve(allowedHost, (_, response) => void response.end('x'.repeat(10_000)))
  expect(await openHttp({ bodyBytes: 10_000 }).run({ url })).toMatchObject({ truncated: false })
})

test('an answer that stops in the middle is a failure', async () => {
  const { url } = await serve(allowedHost, (_, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('half')
    setImmediate(() => response.destroy())
  })
  await expect(openHttp().run({ url })).rejects.toMatchObject({ name: 'TaskFailure', code: 'HTTP_FAILED' })
})

test.each(['headers', 'body'])(
  'an endpoint that is slow with its %s is left after timeoutMs',
  async (what) => {
    const { url, open } = await serve(allowedHost, (_, response) => {
      if (what === 'body') response.writeHead(200).write('x')
    })
    await expect(openHttp().run({ url, timeoutMs: 50 })).rejects.toMatchObject({
      name: 'TaskFailure',
      code: 'HTTP_FAILED',
      message: `GET ${url}/ took longer than the 50 ms of its timeoutMs.`,
    })
    await waitFor(() => open() === 0)
  },
)

test('a name server that does not answer is left after timeoutMs, and keeps no other call waiting for ever', async () => {
  const { run } = openHttp({ lookup: () => new Promise(() => undefined) })
  const calls = [1, 2, 3].map(() => run({ url: 'http://slow.example/', timeoutMs: 50 }))
  for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'HTTP_FAILED' })
})

test('a call that is cancelled ends at once, and so does its connection', async () => {
  const { url, seen, open } = await serve(allowedHost, () => undefined)
  const { ended, stop } = openHttp().begin({ url })
  await waitFor(() => seen.length === 1)
  stop({ reason: 'cancelled', killGraceMs: 5000 })
  await expect(ended).rejects.toBeDefined()
  await waitFor(() => open() === 0)
})

test.each([
  [301, 'POST', 'GET', ''],
  [302, 'POST', 'GET', ''],
  [303, 'PUT', 'GET', ''],
  [301, 'PUT', 'PUT', '"x"'],
  [307, 'POST', 'POST', '"x"'],
  [308, 'POST', 'POST', '"x"'],
])('a redirect by %i of a %s becomes a %s', async (status, method, becomes, body) => {
  const { url, seen } = await serve(allowedHost, (request, response) => {
    if (request.url === '/') response.writeHead(status, { location: '/next#there' }).end()
    else response.end('there')
  })
  const result = await openHttp().run({ url, method, body: '"x"' })
  expect(result).toMatchObject({ status: 200, url: `${url}/next#there`, body: 'there' })
  expect(seen[1]).toMatchObject({ method: becomes, path: '/next', body })
  expect(seen[1]?.headers['content-type'] === undefined).toBe(body === '')
})

test('credentials do not go on to another origin, whatever they are called; to the same one they do', async () => {
  const other = await serve(allowedHost)
  const { url, seen } = await serve(allowedHost, (request, response) => {
    response.writeHead(307, { location: request.url === '/' ? '/same' : other.url }).end()
  })
  const credentials = { authorization: 'Bearer t', cookie: 'a=b', 'x-api-key': 'k' }
  await openHttp().run({ url, body: 1, headers: { ...credentials, accept: 'text/plain' } })
  expect(seen[1]?.headers).toMatchObject(credentials)
  expect(Object.keys(other.seen[0]?.headers ?? {}).sort()).toEqual(
    [
      ...['accept', 'connection', 'content-length', 'content-type', 'host', 'idempotency-key'],
      ...['noodle-attempt', 'noodle-fence', 'noodle-job-id', 'user-agent'],
    ].sort(),
  )
})

test('redirects are counted, and none is followed when none shall be', async () => {
  const { url, seen } = await serve(allowedHost, (_, response) => {
    response.writeHead(302, { location: '/' }).end('moved')
  })
  const { run } = openHttp()
  await expect(run({ url, redirects: 2 })).rejects.toThrow('it was redirected more than 2 times')
  expect(seen).toHaveLength(3)
  expect(await run({ url, redirects: 0, expect: [302] })).toMatchObject({ status: 302, body: 'moved' })
})

certificateTest(
  'https is called when its certificate is trusted and is for the name (skipped without openssl)',
  async () => {
    const folder = aFolder()
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
        ...['-keyout', key, '-out', cert, '-subj', '/CN=test', '-addext', 'subjectAltName=DNS:api.example'],
      ],
      { stdio: 'ignore' },
    )
    const seen: string[] = []
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
      seen.push(request.url ?? '')
      if (request.url === '/down') response.writeHead(302, { location: 'http://api.example/' })
      response.end('safe')
    })
    const port = String((await listen(server, allowedHost)).port)
    const { run } = openHttp({ names: { 'api.example': [allowedHost], 'other.example': [allowedHost] } })
    const url = `https://api.example:${port}/`

    await expect(run({ url })).rejects.toThrow('self-signed certificate')
    const trusted = getCACertificates('default')
    setDefaultCACertificates([...trusted, readFileSync(cert, 'utf8')])
    cleanUp(() => setDefaultCACertificates(trusted))
    expect(await run({ url })).toMatchObject({ status: 200, body: 'safe' })
    await expect(run({ url: `https://other.example:${port}/` })).rejects.toThrow(
      "does not match certificate's",
    )
    await expect(run({ url: `https://${allowedHost}:${port}/` })).rejects.toThrow(
      "does not match certificate's",
    )
    await expect(run({ url: `${url}down` })).rejects.toThrow(
      'it was redirected from https to http://api.example',
    )
    expect(seen).toEqual(['/', '/down'])
  },
)
