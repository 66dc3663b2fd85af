import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from '@jest/globals'
import {
  type JobStreamEvent,
  NoodleClient,
  type NoodleClientOptions,
} from '../../client/src/noodle-client.ts'
import { aFolder } from '../support/cli.ts'
import { adminPassword, type Platform, startPlatform } from '../support/platform.ts'
import { waitFor } from '../support/wait-for.ts'
import { type Fault, type FaultyGateway, openFaultyGateway } from './faulty-gateway.ts'

/** Quick, so that the tests are. */
const retry = { forMs: 10_000, baseMs: 5, capMs: 20 }

/** The platform starts, on a machine that does much else. */
const startMs = 90_000

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform({ RATE_LIMIT_LOGINS_PER_ACCOUNT: '0' })
  await platform.startWorker({ TIER: 'small', TASK_COMMAND_ALLOW: 'sh' })
}, startMs)

async function aClient(
  options: Partial<NoodleClientOptions> = {},
): Promise<{ client: NoodleClient; between: FaultyGateway }> {
  const between = await openFaultyGateway(platform.url)
  const token = await platform.token()
  return { client: new NoodleClient({ url: between.url, token, retry, ...options }), between }
}

const count = async (label: string): Promise<number> => {
  const { body } = await platform.call('GET', `/v1/jobs?label=${label}&limit=200`, {
    token: await platform.token(),
  })
  return body.items.length as number
}

const unavailable: Fault = { status: 503, headers: { 'Retry-After': '0' } }
const cutInHeaders: Fault = { cutAfterBytes: 20 }

test('a submission that is cut off again and again, before and after the gateway has it, is one job', async () => {
  const { client, between } = await aClient()
  between.plan(/^POST \/v1\/jobs$/, ['lose-answer', 'lose-request', unavailable, 'lose-answer', cutInHeaders])
  const job = await client.submit('echo', { a: 1 }, { labels: { test: 'cut' } })
  expect(job).toMatchObject({ task: 'echo', labels: { test: 'cut' } })
  const keys = between.requests.map(({ headers }) => headers['idempotency-key'])
  expect(keys).toHaveLength(6)
  expect(new Set(keys).size).toBe(1)
  expect(await count('test:cut')).toBe(1)
  expect((await client.wait(job, { timeoutMs: 10_000 })).state).toBe('succeeded')
})

test('two submissions of the same are two jobs, and with one key they are one', async () => {
  const { client } = await aClient()
  const ids = [1, 2].map(() => client.submit('echo', 1, { labels: { test: 'same' } }))
  expect(new Set((await Promise.all(ids)).map(({ id }) => id)).size).toBe(2)
  const options = { idempotencyKey: `key ${String(Math.random())}` }
  const [first, second] = [await client.submit('echo', 1, options), await client.submit('echo', 1, options)]
  expect(second.id).toBe(first.id)
})

test('a replay whose answer is lost is one job', async () => {
  const { client, between } = await aClient()
  const job = await client.submit('echo', 1, { labels: { test: 'replay' }, waitSeconds: 10 })
  between.plan(/replay$/, ['lose-answer', 'lose-answer'])
  const again = await client.replay(job.id, { payload: 2 })
  expect(again).toMatchObject({ replayOf: job.id })
  expect(await count('test:replay')).toBe(2)
})

test('a batch is sent in parts whose answers are lost, and each job is there once, with an answer of its own', async () => {
  const { client, between } = await aClient()
  between.plan(/batch$/, ['lose-answer', 'pass', unavailable, 'lose-answer', 'lose-request'])
  const jobs = Array.from({ length: 150 }, (_, i) => ({
    task: i === 70 ? 'no-such-task' : 'echo',
    payload: i,
    labels: { test: 'batch' },
  }))
  const answers = []
  for await (const answer of client.submitMany(jobs, { chunkJobs: 40 })) answers.push(answer)
  expect(answers.map(({ index }) => index)).toEqual(jobs.map((_, i) => i))
  expect(answers.filter(({ id }) => id === undefined)).toEqual([
    expect.objectContaining({ index: 70, code: 'task-unknown' }),
  ])
  expect(new Set(answers.map(({ id }) => id)).size).toBe(150)
  expect(await count('test:batch')).toBe(149)
})

test('what is asked for too often waits as long as the gateway says', async () => {
  const { client, between } = await aClient()
  between.plan(/^GET/, [{ status: 429, headers: { 'Retry-After': '1' } }])
  const startedMs = performance.now()
  await client.tiers()
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(990)
})

test('who would have to wait longer than there is time is told so at once', async () => {
  const { client, between } = await aClient()
  between.plan(/^GET/, [{ status: 503, headers: { 'Retry-After': '60' } }])
  const startedMs = performance.now()
  await expect(client.tiers()).rejects.toMatchObject({ status: 503, retryAfterMs: 60_000, isPassing: true })
  expect(performance.now() - startedMs).toBeLessThan(1000)
})

test('what may not be done twice is not sent again, unless the gateway says that it was not done', async () => {
  const { client, between } = await aClient()
  const user = { username: `once-${String(Date.now())}`, password: adminPassword, role: 'user' } as const
  between.plan(/users$/, [{ status: 429, headers: { 'Retry-After': '0' } }, 'lose-answer'])
  await expect(client.users.create(user)).rejects.toMatchObject({ code: 'network', status: undefined })
  await expect(client.users.create(user)).rejects.toMatchObject({ code: 'username-taken', status: 409 })
  expect(between.requests).toHaveLength(3)
})

test('a removal whose answer was lost is not told that there is nothing', async () => {
  const { client, between } = await aClient()
  const user = { username: `gone-${String(Date.now())}`, password: adminPassword, role: 'user' } as const
  const { id } = await client.users.create(user)
  between.plan(/^DELETE/, ['lose-answer'])
  await client.users.remove(id)
  await expect(client.users.remove(id)).rejects.toMatchObject({ code: 'user-not-found' })
})

test('a gateway that holds its answer back is given up after the time of a try, and asked again', async () => {
  const { client, between } = await aClient({ timeoutMs: 200 })
  between.plan(/^GET/, ['hold-answer'])
  expect(await client.tiers()).toHaveLength(3)
  between.plan(/^GET/, ['hold-answer'])
  const { client: impatient } = await aClient({ url: between.url, timeoutMs: 100, retry: { forMs: 0 } })
  await expect(impatient.tiers()).rejects.toMatchObject({ code: 'timeout' })
})

test('a log that is cut off in the middle of events comes whole and without doubles', async () => {
  const { client, between } = await aClient()
  const go = join(aFolder(), 'go')
  const lines = (from: number, to: number): string =>
    `for i in $(seq ${String(from)} ${String(to)}); do echo "line $i – äöü"; done`
  const script = `${lines(1, 150)}; until [ -e "$0" ]; do sleep 0.05; done; ${lines(151, 300)}`
  const job = await client.submit('command', { argv: ['sh', '-c', script, go] })
  between.plan(/logs/, [
    { cutAfterBytes: 1 },
    { cutAfterBytes: 333 },
    'lose-request',
    { cutAfterBytes: 2001 },
  ])
  const read = []
  for await (const { text, seq } of client.logs(job.id)) {
    read.push({ text, seq })
    if (read.length !== 150) continue
    between.cut()
    writeFileSync(go, '')
  }
  expect(read).toEqual(
    Array.from({ length: 300 }, (_, i) => ({ text: `line ${String(i + 1)} – äöü`, seq: i + 1 })),
  )
  const again = between.requests.filter(({ headers }) => headers['last-event-id'] === '1-150')
  expect(again.length).toBeGreaterThan(0)
})

test('a timeline that is cut off comes whole, each state once, and ends with the job', async () => {
  const { client, between } = await aClient()
  const job = await client.submit('sleep', { ms: 300 })
  between.plan(/events$/, [{ cutAfterBytes: 100 }, 'lose-request', { cutAfterBytes: 150 }, unavailable])
  const events: JobStreamEvent[] = []
  for await (const event of client.events(job.id)) events.push(event)
  const states = events.flatMap((event) => (event.type === 'state' ? [event.seq] : []))
  expect(states).toEqual((await client.timeline(job.id)).map(({ seq }) => seq))
  expect(events.at(-1)).toMatchObject({ state: 'succeeded' })
})

test('who waits is told soon by events, and also where something between lets no event through', async () => {
  const { client, between } = await aClient()
  const job = await client.submit('sleep', { ms: 300 })
  await client.wait(job)
  expect(between.requests.filter(({ line }) => line.endsWith(job.id)).length).toBeLessThanOrEqual(4)

  const blind = await client.submit('sleep', { ms: 300 })
  between.plan(/events$/, ['hold-answer'])
  expect((await client.wait(blind.id)).state).toBe('succeeded')

  const refused = await client.submit('sleep', { ms: 300 })
  between.plan(/events$/, [{ status: 406 }])
  expect((await client.wait(refused.id)).state).toBe('succeeded')
})

test('many wait at once, on no more than three streams', async () => {
  const { client, between } = await aClient()
  const jobs = await Promise.all(Array.from({ length: 8 }, () => client.submit('sleep', { ms: 60_000 })))
  const waits = jobs.map((job) => client.wait(job))
  const count = (matches: RegExp): number => between.requests.filter(({ line }) => matches.test(line)).length
  await waitFor(() => jobs.every(({ id }) => count(new RegExp(id)) > 0) && count(/^GET .*[^s]$/) >= 25)
  expect(count(/events$/)).toBe(3)
  await Promise.all(jobs.map(({ id }) => client.cancel(id)))
  expect((await Promise.all(waits)).map(({ state }) => state)).toEqual(jobs.map(() => 'cancelled'))
})

test('a download that breaks goes on where it broke, and is what was stored', async () => {
  const { client, between } = await aClient()
  const script = 'head -c 300000 /dev/urandom | base64 -w 0 >"$NOODLE_ARTIFACTS/random.txt"'
  const job = await client.wait(await client.submit('command', { argv: ['sh', '-c', script] }))
  const { items } = await client.artifacts(job.id).page()
  const artifact = items[0]
  expect(items).toEqual([expect.objectContaining({ name: 'random.txt', bytes: 400_000 })])
  if (!artifact) return
  between.plan(/blobs/, [{ cutAfterBytes: 70_000 }, 'lose-request', { cutAfterBytes: 90_000 }])
  expect((await client.downloadBytes(artifact)).length).toBe(400_000)
  const ranges = between.requests.flatMap(({ headers }) => headers.range ?? [])
  expect(ranges.at(-1)).toMatch(/^bytes=[1-9]\d*-$/)
  await expect(client.downloadBytes({ ...artifact, sha256: '0' })).rejects.toMatchObject({ code: 'damaged' })
})

test('an end by a signal comes at once, wherever a call is, with the reason of the signal', async () => {
  const { client, between } = await aClient()
  const job = await client.submit('sleep', { ms: 60_000 })
  between.plan(/tiers$/, ['hold-answer'])
  between.plan(
    /nodes/,
    Array.from({ length: 100 }, () => 'lose-request'),
  )
  const abort = new AbortController()
  const { signal } = abort
  const drain = async (source: AsyncIterable<unknown>) => {
    for await (const _ of source);
  }
  const calls = [
    client.tiers({ signal }),
    client.nodes({ signal }).page(),
    client.wait(job, { signal }),
    drain(client.events(job.id, { signal })),
    drain(client.logs(job.id, { signal })),
    drain(client.submitMany(endless(), { signal })),
  ].map((call) => call.catch((error: unknown) => error))
  await waitFor(() => between.requests.some(({ line }) => /logs/.test(line)))
  abort.abort('enough')
  expect(await Promise.all(calls)).toEqual(calls.map(() => 'enough'))
  await expect(client.tasks({ signal })).rejects.toBe('enough')
  await expect(client.wait(job, { timeoutMs: 50 })).rejects.toMatchObject({ name: 'TimeoutError' })
  await client.cancel(job.id)
})

/** A source that gives one job, and then nothing for long. */
async function* endless() {
  yield { task: 'echo', payload: 1 }
  await new Promise((resolve) => setTimeout(resolve, 60_000).unref())
}

test('a login serves all calls at once, is refreshed before it ends, and begun anew when it is refused', async () => {
  const { client, between } = await aClient({ token: undefined, username: 'admin', password: adminPassword })
  await Promise.all([client.tiers(), client.tasks(), client.nodes().page()])
  const logins = () => between.requests.filter(({ line }) => /auth/.test(line)).map(({ line }) => line)
  expect(logins()).toEqual(['POST /v1/auth/token'])
  between.plan(/tiers/, [{ status: 401 }, { status: 401 }, { status: 401 }])
  await Promise.all([client.tiers(), client.tiers(), client.tiers()])
  expect(logins()).toEqual(['POST /v1/auth/token', 'POST /v1/auth/refresh'])
  // A refresh token is good for one use: whose answer was lost must not be used again, it would end the session.
  between.plan(/refresh/, ['lose-answer'])
  between.plan(/tiers/, [{ status: 401 }])
  await client.tiers()
  expect(logins().slice(2)).toEqual(['POST /v1/auth/refresh', 'POST /v1/auth/token'])
  await client.logOut()
  between.plan(/tiers/, [{ status: 401 }])
  await client.tiers()
  expect(logins().slice(4)).toEqual(['POST /v1/auth/logout', 'POST /v1/auth/token'])
})

test('a wrong password, and a token that is not good, are refused once and with their codes', async () => {
  const wrong = await aClient({ token: undefined, username: 'admin', password: 'wrong' })
  await expect(wrong.client.tiers()).rejects.toMatchObject({ code: 'bad-credentials', status: 401 })
  expect(wrong.between.requests).toHaveLength(1)
  const stale = await aClient({ token: 'stale' })
  await expect(stale.client.tiers()).rejects.toMatchObject({ code: 'bad-token', status: 401 })
  expect(stale.between.requests).toHaveLength(1)
})

test('another server at that address is told apart from a gateway', async () => {
  const { client, between } = await aClient()
  between.plan(/tiers/, [{ status: 200, headers: { 'Content-Type': 'text/html' }, body: '<p>Hello' }])
  await expect(client.tiers()).rejects.toMatchObject({ code: 'not-noodle', isPassing: false })
})
