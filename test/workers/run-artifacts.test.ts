import { expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { artifactKey } from '../../queue/domain/blob.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { finishJob } from '../../queue/use-cases/finish-job.ts'
import { openBeneath } from '../../workers/executors/folder-beneath.ts'
import { makeDirectPlatform } from '../../workers/direct-platform.ts'
import { type ArtifactLimits, keepArtifacts } from '../../workers/run-artifacts.ts'
import { cleanUp } from '../support/clean-up.ts'
import { aNode, aRunningJob, openTestQueue } from '../support/test-queue.ts'
import { aFolder } from './a-run.ts'

const usual: ArtifactLimits = { bytes: 10_000_000, count: 20 }
const secret = join(import.meta.dirname, '../../package.json')

/** A job that runs, and a folder of artifacts for it. */
async function aRun(change: (deps: QueueDeps) => Partial<QueueDeps> = () => ({})) {
  const opened = await openTestQueue()
  const deps = { ...opened.deps, ...change(opened.deps) }
  const bootId = await aNode(deps)
  const job = await aRunningJob(deps, bootId)
  const folder = aFolder()
  const told: string[] = []
  return {
    deps,
    job,
    folder,
    told,
    keep: ({ hasFailed = false, limits = usual, signal = new AbortController().signal } = {}) =>
      keepArtifacts(
        { ...deps, platform: makeDirectPlatform(deps) },
        { job, boot: { id: bootId, ended: new AbortController().signal } },
        folder,
        {
          ...{ limits, signal, hasFailed },
          log: { write() {}, tell: (text) => void told.push(text) },
        },
      ),
    /** What shows once the attempt has ended. */
    async shown() {
      await finishJob(deps, bootId, job, { kind: 'succeeded', result: null, usage: { wallMs: 1 } })
      return deps.artifacts.list(job.id, { attempt: null, limit: 100 })
    },
  }
}

const contentOf = async (deps: QueueDeps, job: { id: string; tenant: string; fence: number }, name: string) =>
  (await buffer(await deps.blobs.get(artifactKey(job, name)))).toString()

test('files and those in folders are kept under their paths, and show once the attempt has ended', async () => {
  const { deps, job, folder, told, keep, shown } = await aRun()
  mkdirSync(join(folder, 'plots/größe'), { recursive: true })
  writeFileSync(join(folder, 'model.bin'), 'model')
  writeFileSync(join(folder, 'plots/größe/a b.png'), 'plot')
  writeFileSync(join(folder, '.empty'), '')
  await keep()
  expect(await deps.artifacts.list(job.id, { attempt: null, limit: 100 })).toEqual([])
  expect(await shown()).toMatchObject([
    { name: '.empty', bytes: 0, attempt: 1, fence: job.fence },
    { name: 'model.bin', bytes: 5 },
    { name: 'plots/größe/a b.png', bytes: 4 },
  ])
  expect(await contentOf(deps, job, 'plots/größe/a b.png')).toBe('plot')
  expect(told).toEqual([])
})

/** What somebody leaves who wants another file to be read, or the worker to hang. Each is left out by itself. */
const traps: [string, (folder: string) => unknown, RegExp][] = [
  [
    'a symbolic link to a file elsewhere',
    (folder) => symlinkSync(secret, join(folder, 'x')),
    /symbolic link/,
  ],
  [
    'a symbolic link to a folder elsewhere',
    (folder) => symlinkSync('/etc', join(folder, 'x')),
    /symbolic link/,
  ],
  ['a symbolic link to a neighbour', (folder) => symlinkSync('good', join(folder, 'x')), /symbolic link/],
  ['a symbolic link to nothing', (folder) => symlinkSync('/nowhere', join(folder, 'x')), /symbolic link/],
  [
    'a symbolic link in a folder',
    (folder) => {
      mkdirSync(join(folder, 'd'))
      symlinkSync('../..', join(folder, 'd/x'))
    },
    /symbolic link/,
  ],
  [
    'a hard link',
    (folder) => {
      writeFileSync(`${folder}-elsewhere`, 'secret')
      cleanUp(() => execFileSync('rm', [`${folder}-elsewhere`]))
      linkSync(`${folder}-elsewhere`, join(folder, 'x'))
    },
    /hard link/,
  ],
  ['a fifo', (folder) => execFileSync('mkfifo', [join(folder, 'x')]), /fifo/],
  [
    'a socket',
    async (folder) => {
      const server = createServer().listen(join(folder, 'x'))
      cleanUp(() => new Promise((resolve) => server.close(resolve)))
      await new Promise((resolve) => server.once('listening', resolve))
    },
    /socket/,
  ],
  ['a name with a backslash', (folder) => writeFileSync(join(folder, '..\\x'), ''), /backslash/],
  ['a name with a line end', (folder) => writeFileSync(join(folder, 'a\nb'), ''), /control character/],
  [
    'a name with an escape sequence',
    (folder) => writeFileSync(join(folder, '\u001b[2J'), ''),
    /control character/,
  ],
  [
    'a name that is not UTF-8',
    (folder) => writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe])]), ''),
    /not UTF-8/,
  ],
  [
    'a name that is too long',
    (folder) => writeFileSync(join(folder, 'x'.repeat(201)), ''),
    /longer than 200 bytes/,
  ],
  [
    'a path that is too deep',
    (folder) => {
      mkdirSync(join(folder, 'd/'.repeat(17)), { recursive: true })
    },
    /deeper than 16/,
  ],
  ...(process.getuid?.() === 0
    ? [
        [
          'a device',
          (folder: string) => execFileSync('mknod', [join(folder, 'x'), 'c', '1', '5']),
          /device|can not be opened/,
        ] as [string, (folder: string) => unknown, RegExp],
      ]
    : [
        [
          'a file that may not be read',
          (folder: string) => writeFileSync(join(folder, 'x'), '', { mode: 0 }),
          /can not be opened/,
        ] as [string, (folder: string) => unknown, RegExp],
      ]),
]

test.each(traps)('%s is left out, and the log says why', async (_, lay, why) => {
  const { folder, told, keep, shown } = await aRun()
  writeFileSync(join(folder, 'good'), 'good')
  await lay(folder)
  await keep()
  expect((await shown()).map(({ name }) => name)).toEqual(['good'])
  expect(told).toEqual([expect.stringMatching(why)])
})

test('what is exchanged for a link after it was listed is not followed', async () => {
  const folder = aFolder()
  mkdirSync(join(folder, 'd'))
  writeFileSync(join(folder, 'd/package.json'), 'mine')
  await (await openBeneath(folder, 'd/package.json')).close()
  renameSync(join(folder, 'd'), join(folder, 'old'))
  symlinkSync(join(secret, '..'), join(folder, 'd'))
  await expect(openBeneath(folder, 'd/package.json')).rejects.toMatchObject({
    code: expect.stringMatching(/ENOTDIR|ELOOP/),
  })
  symlinkSync(secret, join(folder, 'old/link'))
  await expect(openBeneath(folder, 'old/link')).rejects.toMatchObject({ code: 'ELOOP' })
  symlinkSync(folder, `${folder}-link`)
  cleanUp(() => execFileSync('rm', [`${folder}-link`]))
  await expect(openBeneath(`${folder}-link`, 'old/package.json')).rejects.toMatchObject({
    code: expect.stringMatching(/ENOTDIR|ELOOP/),
  })
})

test('a file that grows while it is stored is kept as it was when it was looked at', async () => {
  const grown = { file: '' }
  const { deps, job, folder, keep, shown } = await aRun(({ blobs }) => ({
    blobs: {
      ...blobs,
      put(...args) {
        appendFileSync(grown.file, ' and more')
        return blobs.put(...args)
      },
    },
  }))
  grown.file = join(folder, 'x')
  writeFileSync(grown.file, 'some')
  await keep()
  expect(await shown()).toMatchObject([{ name: 'x', bytes: 4 }])
  expect(await contentOf(deps, job, 'x')).toBe('some')
})

test('more than the limits fails a run for good; of one that has failed anyway as much is kept as fits', async () => {
  const limits = { bytes: 1000, count: 3 }
  const failed = { name: 'PermanentFailure', code: 'ARTIFACTS_TOO_LARGE' }
  const many = await aRun()
  for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(many.folder, name), name)
  await expect(many.keep({ limits })).rejects.toMatchObject(failed)
  await many.keep({ limits, hasFailed: true })
  expect((await many.shown()).map(({ name }) => name)).toEqual(['a', 'b', 'c'])
  expect(many.told).toEqual([expect.stringContaining('ARTIFACT_LIMIT_COUNT')])

  const large = await aRun()
  writeFileSync(join(large.folder, 'a'), 'x'.repeat(600))
  writeFileSync(join(large.folder, 'sparse'), '')
  truncateSync(join(large.folder, 'sparse'), 2 ** 40)
  await expect(large.keep({ limits })).rejects.toMatchObject({
    ...failed,
    message: expect.stringContaining('ARTIFACT_LIMIT_BYTES'),
  })
  await large.keep({ limits, hasFailed: true })
  expect((await large.shown()).map(({ name }) => name)).toEqual(['a'])
})

test('a run that lost its job, or was stopped, shows nothing', async () => {
  const { deps, job, folder, keep } = await aRun()
  writeFileSync(join(folder, 'a'), 'a')
  const stopped = AbortSignal.abort(new Error('stop'))
  await expect(keep({ signal: stopped })).rejects.toBeDefined()
  await keep({ signal: stopped, hasFailed: true })
  expect(
    await deps.artifacts.keep(deps.newId(), { jobId: job.id, fence: job.fence }, [
      { name: 'b', bytes: 1, sha256: '' },
    ]),
  ).toBe(false)
  expect(await deps.artifacts.list(job.id, { attempt: 1, limit: 10 })).toEqual([])
})
