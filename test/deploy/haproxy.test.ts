import { expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2'
import { request } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { send } from '../../ops/local/processes.ts'
import { cleanUp } from '../support/clean-up.ts'
import { waitFor } from '../support/wait-for.ts'
import { freePort } from '../support/platform.ts'
import { ask, type Answer, balancerTest, type BalancedNode, open, startBalancer } from './a-balancer.ts'

/** Who hangs is out after both at the latest; shorter here than as they are deployed. */
const checks = { NOODLE_CHECK_INTERVAL: '2s', NOODLE_CHECK_TIMEOUT: '2s' }
const outMs = 4000
/** For a machine that does much else. */
const slackMs = 2000

const inParallel = <T>(count: number, act: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => act(i)))

balancerTest('four equal nodes get equal shares, and one entry of X-Forwarded-For is ours', async () => {
  const { port, nodes } = await startBalancer(4)
  const shares = new Map<unknown, number>()
  for (const { status, headers } of await inParallel(200, () => ask(port, '/?ms=1000'))) {
    expect(status).toBe(200)
    shares.set(headers['x-node'], (shares.get(headers['x-node']) ?? 0) + 1)
  }
  const counts = [...shares.values()]
  expect(counts).toHaveLength(nodes.length)
  expect((Math.max(...counts) - Math.min(...counts)) / (200 / nodes.length)).toBeLessThanOrEqual(0.1)

  const spoofed = await ask(port, '/', {
    headers: { 'X-Forwarded-For': '9.9.9.9', 'X-Forwarded-Proto': 'https' },
  })
  expect(JSON.parse(spoofed.body)).toMatchObject({ forwarded: '9.9.9.9, 127.0.0.1', proto: 'http' })
  for (const path of ['/metrics', '/METRICS', '/metrics/', '//metrics', '/%6detrics', '/metrics?x=1'])
    expect(await ask(port, path)).toMatchObject({ status: 403 })
})

balancerTest(
  'who is killed is out with the next request, who hangs, is slow or stops with the next check, and streams of the others live on',
  async () => {
    const { port, nodes, active, figure } = await startBalancer(5, checks)
    const activeForGrpc = () => figure('haproxy_backend_active_servers', 'proxy="grpc"')
    const [killed, frozen, slow, stopping] = nodes as [BalancedNode, BalancedNode, BalancedNode, BalancedNode]
    const streams = await inParallel(10, () => open(port, '/stream?everyMs=500'))
    cleanUp(() => streams.forEach((stream) => stream.destroy()))
    const lastByteAtMs = streams.map(() => 0)
    streams.forEach((stream, i) =>
      stream.on('error', () => undefined).on('data', () => (lastByteAtMs[i] = performance.now())),
    )
    expect(new Set(streams.map(({ headers }) => headers['x-node'])).size).toBe(5)

    send(killed.child.pid ?? 0, 'SIGKILL')
    await once(killed.child, 'exit')
    for (const { status } of await inParallel(10, () => ask(port, '/'))) expect(status).toBe(200)
    expect(await active()).toBe(4)

    await slow.tell({ healthMs: 3000 })
    await stopping.tell({ health: 503 })
    send(frozen.child.pid ?? 0, 'SIGSTOP')
    cleanUp(() => send(frozen.child.pid ?? 0, 'SIGCONT'))
    const atMs = performance.now()
    await waitFor(async () => (await active()) === 1, { timeoutMs: outMs + slackMs })
    expect(performance.now() - atMs).toBeLessThan(outMs + slackMs)
    await waitFor(async () => (await activeForGrpc()) === 1, { timeoutMs: outMs + slackMs })

    const nodesThatAnswer = await inParallel(50, () => ask(port, '/'))
    expect(
      new Set(nodesThatAnswer.map(({ status, headers }) => `${String(status)} ${String(headers['x-node'])}`)),
    ).toEqual(new Set([`200 ${nodes[4]?.address ?? ''}`]))
    // A node that is out loses none of what it is doing.
    const nowMs = performance.now()
    const alive = streams
      .filter((_, i) => nowMs - (lastByteAtMs[i] ?? 0) < 3000)
      .map(({ headers }) => headers['x-node'])
    const lost = [killed.address, frozen.address]
    expect(new Set(alive)).toEqual(
      new Set(nodes.map(({ address }) => address).filter((address) => !lost.includes(address))),
    )

    send(frozen.child.pid ?? 0, 'SIGCONT')
    await slow.tell({ healthMs: 0 })
    await stopping.tell({ health: 200 })
    await waitFor(async () => (await active()) === 4 && (await activeForGrpc()) === 4)
  },
  60_000,
)

test('as it is deployed, who hangs is out within 15 s', () => {
  const configuration = readFileSync(join(import.meta.dirname, '../../deploy/haproxy/haproxy.cfg'), 'utf8')
  const defaultsOf = (name: string) =>
    [...configuration.matchAll(new RegExp(`\\{${name}-(\\d+)s\\}`, 'g'))].map(([, seconds]) =>
      Number(seconds),
    )
  const [interval = NaN, timeout = NaN] = Object.keys(checks).map((name) => Math.max(...defaultsOf(name)))
  expect(interval + timeout).toBeLessThanOrEqual(15)
})

balancerTest('a request whose node dies is sent again if that is safe, else told as broken off', async () => {
  const { port, nodes, replace } = await startBalancer(3)
  const untilOneDies = async (request: (i: number) => Promise<Answer>): Promise<Answer[]> => {
    const [node] = nodes as [BalancedNode]
    await node.tell({ diesOnPost: true })
    const answers: Answer[] = []
    while (node.child.exitCode === null && answers.length < 50) answers.push(await request(answers.length))
    expect(node.child.exitCode).toBe(1)
    await replace(node)
    return answers
  }

  const keyed = await untilOneDies((i) =>
    ask(port, '/v1/jobs', {
      method: 'POST',
      headers: { 'Idempotency-Key': `job-${String(i)}`, 'Content-Length': '0' },
    }),
  )
  expect(keyed.map(({ status }) => status)).toEqual(keyed.map(() => 200))

  const unkeyed = await untilOneDies(() =>
    ask(port, '/v1/jobs', { method: 'POST', headers: { 'Content-Length': '0' } }),
  )
  const failed = unkeyed.filter(({ status }) => status !== 200)
  expect(failed).toHaveLength(1)
  expect(failed[0]).toMatchObject({
    status: 502,
    headers: { 'content-type': 'application/problem+json', 'retry-after': '2' },
  })
  expect(JSON.parse(failed[0]?.body ?? '')).toMatchObject({ status: 502, title: 'Bad Gateway' })
})

balancerTest(
  'of 1,200 connections 1,000 are with the nodes, the others wait for their turn or are refused by rule',
  async () => {
    const { port, nodes, figure } = await startBalancer(4, { NOODLE_QUEUE_TIMEOUT: '3s' })
    const served = () => figure('haproxy_backend_current_sessions', 'proxy="masters"')
    const waiting = () => figure('haproxy_backend_current_queue', 'proxy="limit"')

    const tellAll = (what: { holds?: boolean }) => Promise.all(nodes.map((node) => node.tell(what)))
    const sumOf = (counts: number[]) => counts.reduce((sum, count) => sum + count, 0)

    await tellAll({ holds: true })
    const answers = inParallel(1200, () => ask(port, '/'))
    await waitFor(async () => (await waiting()) >= 200)
    const most = await waitFor(async () => {
      const counts = await tellAll({})
      return sumOf(counts) >= 1000 ? counts : null
    })
    expect(sumOf(most)).toBe(1000)
    expect(Math.min(...most)).toBeGreaterThan(200)
    await tellAll({ holds: false })
    for (const { status } of await answers) expect(status).toBe(200)

    const streams = await inParallel(1000, () => open(port, '/stream?everyMs=10000'))
    cleanUp(() => streams.forEach((stream) => stream.destroy()))
    for (const refused of await inParallel(200, () => ask(port, '/')))
      expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '2' } })
    streams.splice(0, 100).forEach((stream) => stream.destroy())
    await waitFor(async () => (await served()) <= 900)
    for (const { status } of await inParallel(50, () => ask(port, '/'))) expect(status).toBe(200)
  },
  60_000,
)

/** A call that goes both ways and is ended by trailers, as gRPC's are. */
async function callGrpc(session: ClientHttp2Session): Promise<Record<string, unknown>> {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/noodle.Worker/Work',
    'content-type': 'application/grpc',
  })
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  let body = ''
  stream.setEncoding('utf8').on('data', (text: string) => (body += text))
  const trailers = once(stream, 'trailers')
  await waitFor(() => body === 'begun')
  stream.end(' and ended')
  const [{ 'grpc-status': status }] = (await trailers) as [IncomingHttpHeaders]
  await once(stream, 'close')
  return { node: headers['x-node'], forwarded: headers['x-forwarded'], body, trailers: status }
}

const ended = { body: 'begun and ended', trailers: '0', forwarded: '127.0.0.1' }

balancerTest('streams of one gRPC connection go to several nodes, and end with their trailers', async () => {
  const { grpcPort } = await startBalancer(3)
  const session = connect(`http://127.0.0.1:${String(grpcPort)}`)
  cleanUp(() => session.destroy())
  const calls = await inParallel(12, () => callGrpc(session))
  for (const call of calls) expect(call).toMatchObject(ended)
  expect(new Set(calls.map(({ node }) => node)).size).toBe(3)
})

balancerTest('with a certificate it serves HTTPS and gRPC over TLS, and sends plain HTTP there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-tls-'))
  cleanUp(() => rmSync(folder, { recursive: true }))
  const [key, certificate, both] = ['key', 'certificate', 'both'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '1',
      '-subj',
      '/CN=localhost',
    ].concat('-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate),
    { stdio: 'ignore' },
  )
  execFileSync('sh', ['-c', 'cat "$1" "$2" >"$3"', 'sh', certificate, key, both])
  const [httpsPort, grpcsPort, plainPort] = [await freePort(), await freePort(), await freePort()]
  await startBalancer(
    1,
    {
      NOODLE_CERT: both,
      NOODLE_HTTPS_BIND: `127.0.0.1:${String(httpsPort)}`,
      NOODLE_GRPCS_BIND: `127.0.0.1:${String(grpcsPort)}`,
      NOODLE_TO_HTTPS_BIND: `127.0.0.1:${String(plainPort)}`,
    },
    ['haproxy.cfg', 'tls.cfg'],
  )
  const ca = readFileSync(certificate)

  const sent = request({ host: 'localhost', family: 4, port: httpsPort, path: '/', ca, agent: false }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  expect(response.headers['strict-transport-security']).toBe('max-age=31536000')
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += chunk as string
  expect(JSON.parse(body)).toMatchObject({ proto: 'https', forwarded: '127.0.0.1' })

  const session = connect(`https://localhost:${String(grpcsPort)}`, { ca, family: 4 } as object)
  cleanUp(() => session.destroy())
  expect(await callGrpc(session)).toMatchObject(ended)

  const moved = await ask(plainPort, '/docs?x=1', { headers: { Host: 'noodle.example' } })
  expect(moved).toMatchObject({ status: 308, headers: { location: 'https://noodle.example/docs?x=1' } })
})
