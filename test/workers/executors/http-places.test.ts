import { expect, test } from '@jest/globals'
import { makeCheckedConnect } from '../../../core/checked-connect.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { allowedHost, openHttp, serve } from './http-server.ts'

/*
 * Where `http` jobs must not get to, by all the ways in which one can say it. A server on 127.0.0.1 stands for what is private; it must never be
 * connected to.
 */

const loopback = [
  ...['127.0.0.1', '127.1', '127.0.1', '2130706433', '0x7f000001', '0x7f.1', '0x7F.0.0.1', '0177.0.0.1'],
  ...['017700000001', '0177.0x0.1', '127.0.0.1.', '127.127.127.127', '0.0.0.0', '0', '0x0', '0.1.2.3'],
  ...['１２７.０.０.１', '127。0。0。1', '127．0．0．1', '①②⑦.⓪.⓪.①', '%31%32%37.0.0.1'],
  ...['[::1]', '[0:0:0:0:0:0:0:1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]'],
  ...['[0:0:0:0:0:ffff:7f00:0001]', '[::127.0.0.1]', '[::ffff:0:127.0.0.1]', '[64:ff9b::127.0.0.1]'],
  ...['[64:ff9b:1::7f00:1]', '[2002:7f00:1::]', '[2001:0:7f00:1::]'],
]

const others = [
  ...['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', '100.64.0.1'],
  ...['100.127.255.255', '169.254.1.1', '169.254.169.254', '2852039166', '0xA9FEA9FE', '0251.0376.0251.0376'],
  ...['169.254.170.2', '100.100.100.200', '168.63.129.16', '192.0.0.192', '192.0.0.1', '192.0.2.1'],
  ...[
    '192.88.99.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.250',
    '240.0.0.1',
  ],
  ...['255.255.255.255', '[::ffff:169.254.169.254]', '[::ffff:10.0.0.1]', '[64:ff9b::10.0.0.1]'],
  ...['[64:ff9b::169.254.169.254]', '[2002:a00:1::1]', '[2002:a9fe:a9fe::1]', '[fd00:ec2::254]', '[fe80::1]'],
  ...['[febf::1]', '[fec0::1]', '[fc00::1]', '[fdff::1]', '[ff02::1]', '[ff0e::1]', '[2001:db8::1]'],
  ...['[100::1]', '[3fff::1]', '[5f00::1]', '[4000::1]', '[2001:20::1]', '[2001:2::1]'],
]

const publicAddress = '93.184.216.34'
const names: Record<string, string[]> = {
  localhost: ['127.0.0.1'],
  'localhost.': ['127.0.0.1'],
  'a.localhost': ['::1'],
  'metadata.google.internal': ['169.254.169.254'],
  'private.example': ['10.0.0.1'],
  'six.example': ['::1'],
  'unique.example': ['fd00::1'],
  'mapped.example': ['::ffff:10.0.0.1'],
  'zone.example': ['fe80::1%2'],
  'mixed.example': [publicAddress, '127.0.0.1'],
  'mixed-first.example': ['127.0.0.1', publicAddress],
  'mixed-six.example': [publicAddress, '2606:4700::1111', '::1'],
  'mixed-allowed.example': [allowedHost, '127.0.0.1'],
  'tunnel.example': ['2002:7f00:1::'],
}

test.each([...loopback, ...others, ...Object.keys(names), 'LOCALHOST', 'LocalHost.'])(
  'a call to %s is refused for good before anything is connected',
  async (host) => {
    const { opened, port } = await serve('127.0.0.1')
    const { run } = openHttp({ names })
    const failure = run({ url: `http://${host}:${String(port)}/` })
    await expect(failure).rejects.toMatchObject({ name: 'PermanentFailure', code: 'ADDRESS_NOT_ALLOWED' })
    expect(opened()).toBe(0)
  },
)

test.each([22, 25, 5432, 6379, 11211])('port %i of a public address is refused', async (port) => {
  const { run } = openHttp()
  await expect(run({ url: `http://${publicAddress}:${String(port)}` })).rejects.toMatchObject({
    code: 'ADDRESS_NOT_ALLOWED',
    message: `GET http://${publicAddress}:${String(port)}/ is not allowed: ${publicAddress} is to be reached at port ${String(port)} of a public address, which is not on this node's list TASK_HTTP_ALLOW.`,
  })
})

test.each([
  ...['file:///etc/passwd', 'ftp://127.0.0.2/', 'gopher://127.0.0.2:70/_x', 'data:text/plain,hi', 'http://'],
  ...[
    'http://127.0.0.2:99999/',
    'http://[::1',
    'http://a b/',
    '/path',
    '//127.0.0.2/',
    'javascript:alert(1)',
  ],
  ...['http://user:password@127.0.0.2/', 'http://127.0.0.2@127.0.0.1/', 'http://user@127.0.0.2/'],
  ...['http://0x7f.0.0.0.1/', 'http://127.0.0.256/', 'http://127.0.0.1%2f@127.0.0.2/'],
])('%s is no URL to call', async (url) => {
  await expect(openHttp().run({ url })).rejects.toMatchObject({ code: 'PAYLOAD_MISFIT' })
})

test.each(['http://127.0.0.1#@127.0.0.2/', 'http://127.0.0.1?@127.0.0.2/', 'http://127.0.0.1\\@127.0.0.2/'])(
  '%s is a URL of 127.0.0.1, and refused',
  async (url) => {
    await expect(openHttp().run({ url })).rejects.toMatchObject({ code: 'ADDRESS_NOT_ALLOWED' })
  },
)

test.each([301, 302, 303, 307, 308])('a redirect by %i is checked as the first call is', async (status) => {
  const hidden = await serve('127.0.0.1')
  const port = String(hidden.port)
  const targets = [
    `http://127.0.0.1:${port}/`,
    `//127.0.0.1:${port}/`,
    `http://[::ffff:127.0.0.1]:${port}/`,
    `http://0x7f.1:${port}/`,
    `http://localhost:${port}/`,
    'http://169.254.169.254/latest/meta-data/',
  ]
  let target = ''
  const first = await serve(allowedHost, (request, response) => {
    // The second hop is allowed, the third is not.
    const location = request.url === '/again' ? target : '/again'
    response.writeHead(status, { location }).end()
  })
  const { run } = openHttp({ names })
  for (target of targets)
    await expect(run({ url: first.url })).rejects.toMatchObject({ code: 'ADDRESS_NOT_ALLOWED' })
  expect(hidden.opened()).toBe(0)
  expect(first.opened()).toBe(2 * targets.length)
})

test.each(['file:///etc/passwd', 'http://user:word@127.0.0.2/', 'http://', 'ftp://127.0.0.2/'])(
  'a redirect to %s is given up for good',
  async (location) => {
    const { url } = await serve(
      allowedHost,
      (_, response) => void response.writeHead(302, { location }).end(),
    )
    await expect(openHttp().run({ url })).rejects.toMatchObject({
      name: 'PermanentFailure',
      code: 'HTTP_FAILED',
    })
  },
)

test('a name server that answers differently each time gains nothing: a name is resolved once a call', async () => {
  const allowed = await serve(allowedHost)
  const hidden = await serve('127.0.0.1', undefined, allowed.port)
  let asked = 0
  const { run } = openHttp({
    lookup: () => Promise.resolve([{ address: asked++ % 2 === 0 ? allowedHost : '127.0.0.1', family: 4 }]),
  })
  const url = `http://rebinding.example:${String(allowed.port)}/`
  for (let round = 1; round <= 5; round++) {
    expect(await run({ url })).toMatchObject({ status: 200, body: 'ok' })
    expect(asked).toBe(2 * round - 1)
    await expect(run({ url })).rejects.toMatchObject({ code: 'ADDRESS_NOT_ALLOWED' })
  }
  expect(hidden.opened()).toBe(0)
  expect(allowed.seen[0]?.headers.host).toBe(`rebinding.example:${String(allowed.port)}`)
})

test('the address of a connected socket is looked at once more', async () => {
  const { port, seen } = await serve(allowedHost)
  let looks = 0
  const connect = makeCheckedConnect(() => (looks++ === 0 ? null : 'private'))
  const failure = connect({ host: allowedHost, port }, new AbortController().signal)
  await expect(failure).rejects.toMatchObject({ name: 'PlaceNotPermitted' })
  expect([looks, seen]).toEqual([2, []])
})

test('no proxy of the environment is used', async () => {
  const proxy = await serve('127.0.0.1')
  process.env['HTTP_PROXY'] = process.env['http_proxy'] = proxy.url
  cleanUp(() => {
    delete process.env['HTTP_PROXY']
    delete process.env['http_proxy']
  })
  const { url } = await serve(allowedHost)
  expect(await openHttp().run({ url })).toMatchObject({ status: 200 })
  expect(proxy.opened()).toBe(0)
})
