import { expect, test } from '@jest/globals'
import pg from 'pg'
import type { LogEventView, LogLineView } from '../../api/contract/job-shapes.ts'
import { makeLogFeeds } from '../../api/logs/log-feeds.ts'
import { toEvent } from '../../api/logs/log-lines.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { rescueLogs } from '../../queue/use-cases/rescue-logs.ts'
import { finishJob } from '../../queue/use-cases/finish-job.ts'
import { makeDirectPlatform } from '../../workers/direct-platform.ts'
import { makeLogShipper } from '../../workers/log-shipper.ts'
import { cleanUp } from '../support/clean-up.ts'
import { openTestGateway, type TestGateway } from '../support/gateway.ts'
import { aNode, aRunningJob } from '../support/test-queue.ts'
import { waitFor } from '../support/wait-for.ts'

/** A running job whose log this test writes. */
async function aLoggingJob(deps: QueueDeps, limitBytes = 100_000_000) {
  const bootId = await aNode(deps)
  const job = await aRunningJob(deps, bootId)
  const shipper = makeLogShipper({ ...deps, platform: makeDirectPlatform(deps) }, { limitBytes })
  cleanUp(() => shipper.stop())
  const log = shipper.open(job)
  let told = 0
  return {
    id: job.id,
    job,
    log,
    /** Numbered from 1. */
    tell(lines: number) {
      for (let i = 0; i < lines; i++) log.tell(`line ${String(++told)}`)
    },
    async finish({ isLogEnded = true } = {}) {
      if (isLogEnded) await log.end()
      await finishJob(deps, bootId, job, { kind: 'succeeded', result: null, usage: { wallMs: 1 } })
    },
  }
}

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `line ${String(from + i)}`)

interface Follower {
  lines: LogLineView[]
  texts(): string[]
  hasEnded(): boolean
  close(): void
}

async function follow(
  gateway: TestGateway,
  token: string,
  path: string,
  lastEventId?: string,
): Promise<Follower> {
  const giveUp = new AbortController()
  const response = await fetch(gateway.url + path, {
    headers: {
      Accept: 'text/event-stream',
      Authorization: `Bearer ${token}`,
      ...(lastEventId !== undefined && { 'Last-Event-ID': lastEventId }),
    },
    signal: giveUp.signal,
  })
  expect(response.status).toBe(200)
  const lines: LogLineView[] = []
  let hasEnded = false
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  void (async () => {
    let text = ''
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
      if (done) return
      const events = (text + value).split('\n\n')
      text = events.pop() ?? ''
      for (const event of events) {
        const [, data] = /^event: lines\ndata: (.*)$/m.exec(event) ?? []
        if (data !== undefined) lines.push(...linesOf(JSON.parse(data) as LogEventView))
        hasEnded ||= event.startsWith('event: end')
      }
    }
  })().catch(() => undefined)
  cleanUp(() => giveUp.abort())
  return {
    lines,
    texts: () => lines.map(({ text }) => text),
    hasEnded: () => hasEnded,
    close: () => giveUp.abort(),
  }
}

const linesOf = ({ attempt, firstSeq, lines }: LogEventView): LogLineView[] =>
  lines.map((line, i) => ({
    ...line,
    attempt,
    seq: firstSeq + i,
    id: `${String(attempt)}-${String(firstSeq + i)}`,
  }))

test('a log is read in pages while its job runs and after; filters and tail choose', async () => {
  const gateway = await openTestGateway()
  const token = await gateway.tokenOf('user', 'wonderland')
  const { id, log, tell, finish } = await aLoggingJob(gateway.deps)
  const read = async (query: string) =>
    (await gateway.call('GET', `/v1/jobs/${id}/logs${query}`, { token })).body
  const texts = (body: { items: LogLineView[] }) => body.items.map(({ text }) => text)

  expect(await read('')).toEqual({ items: [], nextCursor: null })
  log.write('stderr', Buffer.from('oops\n'))
  tell(5)
  const first = await waitFor(async () => ((await read('')).items as LogLineView[])[0])
  expect(first).toEqual({
    id: '1-1',
    at: expect.stringMatching(/^\d{4}-/),
    attempt: 1,
    seq: 1,
    stream: 'stderr',
    text: 'oops',
  })
  await finish()
  const page = await read('?limit=3')
  expect(texts(page)).toEqual(['oops', 'line 1', 'line 2'])
  expect(page.nextCursor).toBe('1-3')
  expect(texts(await read('?limit=3&cursor=1-3'))).toEqual(numbered(3, 5))
  expect(await read('?cursor=1-6')).toEqual({ items: [], nextCursor: null })
  expect(texts(await read('?tail=2'))).toEqual(numbered(4, 5))
  expect(texts(await read('?attempt=2'))).toEqual([])
  expect((await gateway.call('GET', `/v1/jobs/${id}/logs?cursor=x`, { token })).status).toBe(400)
})

test('another tenant finds no log', async () => {
  const gateway = await openTestGateway()
  const { id, tell } = await aLoggingJob(gateway.deps)
  tell(1)
  const token = await gateway.tokenOf('user', 'builders')
  for (const Accept of ['application/json', 'text/event-stream']) {
    const answer = await gateway.call('GET', `/v1/jobs/${id}/logs`, { token, headers: { Accept } })
    expect(answer.status).toBe(404)
  }
})

test('followers get each line once and in order, whenever they come, until the job has ended', async () => {
  const gateway = await openTestGateway()
  const token = await gateway.tokenOf('user', 'wonderland')
  const { id, tell, finish } = await aLoggingJob(gateway.deps)
  const followers: Follower[] = []
  for (let round = 0; round < 10; round++) {
    tell(3000)
    followers.push(await follow(gateway, token, `/v1/jobs/${id}/logs`))
  }
  const broken = followers[0]
  await waitFor(() => (broken?.lines.length ?? 0) > 3000)
  broken?.close()
  const seen = broken?.texts() ?? []
  const resumed = await follow(gateway, token, `/v1/jobs/${id}/logs`, broken?.lines.at(-1)?.id)
  tell(3000)
  await finish()
  await waitFor(() => [...followers.slice(1), resumed].every((one) => one.hasEnded()))
  for (const one of followers.slice(1)) expect(one.texts()).toEqual(numbered(1, 33_000))
  expect([...seen, ...resumed.texts()]).toEqual(numbered(1, 33_000))
})

test.each([2, Infinity])('a follower misses nothing when only one message in %p is heard', async (one) => {
  const gateway = await openTestGateway()
  const { deps } = gateway
  let messages = 0
  let isListening = false
  gateway.gateway.logFeeds = makeLogFeeds(
    {
      ...deps,
      liveLogs: {
        ...deps.liveLogs,
        hear: (id, hearer) => {
          const live = deps.liveLogs.hear(id, (chunk) => {
            if (++messages % one === 0) hearer(chunk)
          })
          void live.heard.then(() => (isListening = true))
          return live
        },
      },
    },
    { watch: gateway.gateway.watch, format: toEvent },
  )
  const token = await gateway.tokenOf('user', 'wonderland')
  const { id, tell, finish } = await aLoggingJob(deps)
  const follower = await follow(gateway, token, `/v1/jobs/${id}/logs`)
  await waitFor(() => isListening) // a follower does not wait for it for long
  for (let sent = 1; sent <= 6; sent++) {
    tell(10)
    await waitFor(() => messages >= sent)
  }
  await waitFor(() => follower.lines.length >= 50)
  await finish()
  await waitFor(() => follower.hasEnded())
  expect(follower.texts()).toEqual(numbered(1, 60))
})

test('what a dead worker left in Redis is kept, once', async () => {
  const { deps } = await openTestGateway()
  const { id, tell, finish } = await aLoggingJob({
    ...deps,
    // A worker whose lines never get to Postgres, and which does not tell when it ends.
    keptLogs: { ...deps.keptLogs, insert: () => Promise.reject(new Error('No way.')) },
  })
  tell(10)
  const kept = async () =>
    (await deps.keptLogs.read(id, { attempt: 0, seq: 0 })).chunks.flatMap(({ lines }) => lines)
  await waitFor(async () => (await deps.liveLogs.read(id, { attempt: 0, seq: 0 })).length > 0)
  await rescueLogs(deps)
  expect(await kept()).toEqual([]) // it runs still
  await finish({ isLogEnded: false })
  await rescueLogs(deps)
  await rescueLogs(deps)
  expect((await kept()).map(([, , text]) => text)).toEqual(numbered(1, 10))
  expect(await deps.liveLogs.listOpen('0')).toEqual({ jobIds: [], cursor: '0' })
})

test('a followed timeline tells progress', async () => {
  const gateway = await openTestGateway()
  const token = await gateway.tokenOf('user', 'wonderland')
  const { id } = await aLoggingJob(gateway.deps)
  const client = new pg.Client(gateway.databaseUrl)
  await client.connect()
  cleanUp(() => client.end())
  const giveUp = new AbortController()
  const response = await fetch(`${gateway.url}/v1/jobs/${id}/events`, {
    headers: { Accept: 'text/event-stream', Authorization: `Bearer ${token}` },
    signal: giveUp.signal,
  })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  const readUntil = async (wanted: string) => {
    let text = ''
    while (!text.includes(wanted)) text += (await reader?.read())?.value ?? ''
    return text
  }
  expect(await readUntil('"running"')).not.toContain('progress')
  for (const progress of [40, 90]) {
    await client.query('UPDATE jobs SET progress = $2 WHERE id = $1', [id, progress])
    expect(await readUntil('progress')).toContain(
      `event: progress\ndata: {"attempt":1,"progress":${String(progress)},"note":null}\n\n`,
    )
  }
  giveUp.abort()
})
