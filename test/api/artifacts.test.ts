import { expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isTerminal } from '../../queue/domain/job-state.ts'
import { anS3Server } from '../queue/store/blobs/an-s3-server.ts'
import { cleanUp } from '../support/clean-up.ts'
import { runCli } from '../support/cli.ts'
import { openTestGateway, type TestGateway } from '../support/gateway.ts'
import { testBlobDir } from '../support/test-blobs.ts'
import { dispatchUntil, startWorker } from '../workers/real-worker.ts'

const script = (text: string) => ({ task: 'command', payload: { argv: ['sh', '-c', text] } })

/** Submits a job and answers with its id once it has ended. */
async function run(gateway: TestGateway, token: string, body: object, state = 'succeeded'): Promise<string> {
  const { body: job } = await gateway.call('POST', '/v1/jobs', { token, body })
  const ended = await dispatchUntil(gateway.deps, async () => {
    const now = await gateway.deps.jobs.find(job.id as string, null)
    return now && isTerminal(now.state) ? now : null
  })
  expect(ended).toMatchObject({ state })
  return job.id as string
}

test.each([
  ['a folder', () => Promise.resolve({ BLOB_DIR: testBlobDir() })],
  ['S3', async () => (await anS3Server()).settings],
])('files that a run leaves are listed and downloaded, by token and by link, from %s', async (_, open) => {
  const settings: Record<string, string> = await open()
  const gateway = await openTestGateway(settings)
  startWorker(gateway, settings)
  const [token, foreign] = [await gateway.tokenOf('user', 'ours'), await gateway.tokenOf('user', 'theirs')]
  const id = await run(
    gateway,
    token,
    script(
      'cd "$NOODLE_ARTIFACTS"; mkdir "my plots"; printf "<script>" > "my plots/ä.html"; seq 1 100000 > numbers.txt; ln -s /etc/passwd x',
    ),
  )
  const list = await gateway.call('GET', `/v1/jobs/${id}/artifacts`, { token })
  const numbers = Array.from({ length: 100_000 }, (__, i) => `${String(i + 1)}\n`).join('')
  expect(list.body).toEqual({
    items: [
      expect.objectContaining({ name: 'my plots/ä.html', attempt: 1, bytes: 8, contentType: 'text/html' }),
      expect.objectContaining({
        name: 'numbers.txt',
        bytes: numbers.length,
        sha256: createHash('sha256').update(numbers).digest('hex'),
        contentType: 'text/plain',
      }),
    ],
    nextCursor: null,
  })
  const [page] = list.body.items
  for (const path of [
    `/v1/jobs/${id}/artifacts/my%20plots/%C3%A4.html`,
    `/v1/jobs/${id}/artifacts/my%20plots%2F%C3%A4.html`,
  ])
    expect(await gateway.call('GET', path, { token })).toMatchObject({ status: 200, body: '<script>' })
  const linked = await gateway.call('GET', page.url as string)
  expect(linked).toMatchObject({ status: 200, body: '<script>' })
  expect(linked.headers.get('Content-Disposition')).toBe(
    `attachment; filename="_.html"; filename*=UTF-8''%C3%A4.html`,
  )
  expect(linked.headers.get('X-Content-Type-Options')).toBe('nosniff')
  const part = await gateway.call('GET', `/v1/jobs/${id}/artifacts/numbers.txt`, {
    token,
    headers: { Range: 'bytes=2-6' },
  })
  expect(part).toMatchObject({ status: 206, body: numbers.slice(2, 7) })
  expect((await gateway.call('GET', `/v1/jobs/${id}/artifacts/numbers.txt`, { token })).body).toBe(numbers)

  for (const path of ['artifacts', 'artifacts/numbers.txt'])
    expect(await gateway.call('GET', `/v1/jobs/${id}/${path}`, { token: foreign })).toMatchObject({
      status: 404,
      body: { type: 'urn:noodle:error:job-not-found' },
    })
  for (const name of [
    'x',
    '..%2fpayload',
    '%2e%2e/payload',
    'numbers.txt%00',
    'numbers.txt/',
    '..%5cx',
    'x'.repeat(3000),
  ])
    expect(await gateway.call('GET', `/v1/jobs/${id}/artifacts/${name}`, { token })).toMatchObject({
      status: 404,
    })
  const { items } = (await gateway.call('GET', `/v1/jobs/${id}/logs`, { token })).body
  expect(items).toEqual([
    expect.objectContaining({ text: 'The artifact "x" is left out: it is a symbolic link.' }),
  ])
})

test('lists go page by page, and by attempt; by default they show the newest attempt that has ended', async () => {
  const settings = { BLOB_DIR: testBlobDir() }
  const gateway = await openTestGateway(settings)
  startWorker(gateway, { ...settings, ARTIFACT_LIMIT_COUNT: '3' })
  const token = await gateway.tokenOf('user')
  const id = await run(gateway, token, {
    ...script(
      'cd "$NOODLE_ARTIFACTS"; for i in 1 2 3; do echo $NOODLE_ATTEMPT > f$i; done; [ "$NOODLE_ATTEMPT" = 2 ] || exit 1; rm f1',
    ),
    retry: { maxAttempts: 2, backoffMs: 0 },
  })
  const list = async (query = '') =>
    (await gateway.call('GET', `/v1/jobs/${id}/artifacts${query}`, { token })).body
  const first = await list('?limit=1')
  expect(first.items).toMatchObject([{ name: 'f2', attempt: 2 }])
  expect(await list(`?limit=1&cursor=${first.nextCursor as string}`)).toMatchObject({
    items: [{ name: 'f3' }],
    nextCursor: null,
  })
  expect((await list('?attempt=1')).items).toMatchObject([{ name: 'f1' }, { name: 'f2' }, { name: 'f3' }])
  expect((await gateway.call('GET', `/v1/jobs/${id}/artifacts/f2?attempt=1`, { token })).body).toBe('1\n')
  expect((await gateway.call('GET', `/v1/jobs/${id}/artifacts/f1`, { token })).status).toBe(404)
  expect((await gateway.call('GET', `/v1/jobs/${id}/artifacts?cursor=Li4`, { token })).status).toBe(400)

  const tooMany = await run(gateway, token, script('cd "$NOODLE_ARTIFACTS"; touch a b c d'), 'failed')
  expect((await gateway.call('GET', `/v1/jobs/${tooMany}`, { token })).body).toMatchObject({
    attempt: 1,
    error: { code: 'ARTIFACTS_TOO_LARGE' },
  })
})

test('tasks of a folder leave artifacts too, and the command line shows and saves them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-artifacts-'))
  cleanUp(() => rmSync(folder, { recursive: true }))
  writeFileSync(
    join(folder, 'plot.task.ts'),
    `import { defineTask } from 'noodle/task'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
export default defineTask({ name: 'plot', run(ctx) {
  mkdirSync(join(ctx.artifacts, 'out'))
  writeFileSync(join(ctx.artifacts, 'out', 'plot.svg'), '<svg/>')
  return process.env['NOODLE_ARTIFACTS'] === ctx.artifacts
} })`,
  )
  const settings = { BLOB_DIR: testBlobDir() }
  const gateway = await openTestGateway(settings)
  startWorker(gateway, { ...settings, TASKS_DIR: folder })
  const token = await gateway.tokenOf('user')
  await dispatchUntil(
    gateway.deps,
    async () => (await gateway.call('GET', '/v1/tasks/plot', { token })).status === 200,
  )
  const id = await run(gateway, token, { task: 'plot' })
  expect((await gateway.call('GET', `/v1/jobs/${id}`, { token })).body.result).toBe(true)
  const env = { NOODLE_URL: gateway.url, NOODLE_TOKEN: token }
  const got = await runCli(['get', id], { env })
  expect(got.stdout).toMatch(/ARTIFACT +SIZE +ATTEMPT +TYPE\nout\/plot\.svg +6 bytes +1 +image\/svg\+xml/)
  const saved = await runCli(['--json', 'artifacts', id, '--save', join(folder, 'saved')], { env })
  expect(saved).toMatchObject({ code: 0, stderr: expect.stringContaining('out/plot.svg') })
  expect(JSON.parse(saved.stdout)).toMatchObject({ items: [{ name: 'out/plot.svg', bytes: 6 }] })
  expect(readFileSync(join(folder, 'saved/out/plot.svg'), 'utf8')).toBe('<svg/>')
})
