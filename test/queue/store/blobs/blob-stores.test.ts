import { expect, test } from '@jest/globals'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { readConfig } from '../../../../core/config.ts'
import { makeMetrics } from '../../../../core/metrics.ts'
import type { BlobStore } from '../../../../queue/store/blobs/blob-store.ts'
import { blobStoreOptions, openBlobs } from '../../../../queue/store/blobs/open-blobs.ts'
import { cleanUp } from '../../../support/clean-up.ts'
import { anS3Server } from './an-s3-server.ts'

async function open(settings: Record<string, string>): Promise<BlobStore> {
  const blobs = await openBlobs(readConfig(blobStoreOptions, settings), makeMetrics())
  cleanUp(() => blobs.close())
  return blobs
}

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-blobs-'))
  cleanUp(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const stores: Record<string, () => Promise<BlobStore>> = {
  'a folder': () => open({ BLOB_DIR: join(aFolder(), 'made', 'when', 'needed') }),
  S3: async () => open({ ...(await anS3Server()).settings, S3_PREFIX: 'below' }),
}

const job = 'tenant/01900000-0000-7000-8000-0000000000aa'
const helloHash = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
const pieces = (...parts: string[]): Readable => Readable.from(parts.map((part) => Buffer.from(part)))
async function keysOf(blobs: BlobStore, prefix = ''): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of blobs.list(prefix)) keys.push(key)
  return keys.sort()
}

test.each(Object.entries(stores))(
  '%s gives back what it was given, whole or in part',
  async (_, openStore) => {
    const blobs = await openStore()
    const key = `${job}/1/artifacts/ä name/with %25 + more.bin`
    expect(await blobs.put(`${job}/payload`, Buffer.from('hello'))).toEqual({ bytes: 5, sha256: helloHash })
    expect(await blobs.put(key, { stream: pieces('he', 'llo'), bytes: 5 })).toEqual({
      bytes: 5,
      sha256: helloHash,
    })
    expect(await text(await blobs.get(key))).toBe('hello')
    expect(await text(await blobs.get(key, { range: { first: 1, last: 3 } }))).toBe('ell')
    await blobs.put(key, Buffer.from('other'))
    expect(await text(await blobs.get(key))).toBe('other')

    await blobs.put('tenant/another/payload', Buffer.from('x'))
    expect(await keysOf(blobs, `${job}/`)).toEqual([key, `${job}/payload`])
    const listing = blobs.list(`${job}/1/`)
    const { value: listed } = await listing.next()
    await listing.return()
    expect(listed).toMatchObject({ key, bytes: 5 })
    expect(Math.abs(Date.now() - (listed?.at.getTime() ?? 0))).toBeLessThan(60_000)

    await blobs.delete([key, `${job}/payload`, `${job}/never-there`])
    expect(await keysOf(blobs)).toEqual(['tenant/another/payload'])
    await expect(blobs.get(key)).rejects.toMatchObject({ code: 'BLOB_LOST' })
  },
)

test.each(Object.entries(stores))(
  '%s keeps nothing of a stream that is not as was said',
  async (_, openStore) => {
    const blobs = await openStore()
    const key = `${job}/1/artifacts/x`
    await expect(blobs.put(key, { stream: pieces('too', ' short'), bytes: 10 })).rejects.toThrow(
      'ended after 9 of the 10',
    )
    await expect(blobs.put(key, { stream: pieces('too', ' long'), bytes: 4 })).rejects.toThrow(
      'more than the 4 bytes',
    )
    const broken = new Readable({
      read() {
        this.destroy(new Error('a disk broke'))
      },
    })
    await expect(blobs.put(key, { stream: broken, bytes: 4 })).rejects.toThrow('a disk broke')
    await expect(
      blobs.put(key, { stream: pieces('abcd'), bytes: 4 }, AbortSignal.abort()),
    ).rejects.toMatchObject({ name: 'AbortError' })
    expect(await keysOf(blobs)).toEqual([])
  },
)

test('a folder leaves no empty folders behind, and lets nobody else read', async () => {
  const dir = aFolder()
  const blobs = await open({ BLOB_DIR: dir })
  await blobs.put(`${job}/7/result`, Buffer.from('x'))
  expect(statSync(join(dir, job, '7/result')).mode & 0o777).toBe(0o600)
  expect(statSync(join(dir, 'tenant')).mode & 0o777).toBe(0o700)
  await blobs.delete([`${job}/7/result`])
  expect(readdirSync(dir)).toEqual([])
})

test.each(['../x', 'a/../../x', '/etc/passwd', 'a//b', 'a/./b', 'a\\b', 'a\0b', ''])(
  'a key that would lead out of the folder is a bug, not a file: %j',
  async (key) => {
    const dir = aFolder()
    const blobs = await open({ BLOB_DIR: join(dir, 'blobs') })
    await expect(blobs.put(key, Buffer.from('x'))).rejects.toThrow('is no key of a blob')
    await expect(blobs.get(key)).rejects.toThrow('is no key of a blob')
    expect(readdirSync(dir)).toEqual([])
  },
)

test('what keeps a store from working is told as such, with its reason', async () => {
  const file = join(aFolder(), 'file')
  writeFileSync(file, '')
  const inFile = await open({ BLOB_DIR: join(file, 'blobs') })
  await expect(inFile.put(`${job}/payload`, Buffer.from('x'))).rejects.toMatchObject({
    code: 'BLOBS_UNAVAILABLE',
    kind: 'unavailable',
    message: expect.stringMatching(/ENOTDIR|EEXIST/),
  })

  const server = await anS3Server()
  const forger = await open({ ...server.settings, S3_SECRET_ACCESS_KEY: 'a guess' })
  await expect(forger.put(`${job}/payload`, Buffer.from('x'))).rejects.toMatchObject({
    code: 'BLOBS_UNAVAILABLE',
    message: expect.stringContaining('signature'),
  })
  const noBucket = await open({ ...server.settings, S3_BUCKET: 'no-such-bucket' })
  await expect(noBucket.get(`${job}/payload`)).rejects.toMatchObject({ code: 'BLOBS_UNAVAILABLE' })
  const blobs = await open(server.settings)
  server.breakWith(503)
  await expect(blobs.get(`${job}/payload`)).rejects.toMatchObject({ code: 'BLOBS_UNAVAILABLE' })
})

test('half a pair of S3 credentials stops the start', async () => {
  await expect(open({ S3_BUCKET: 'b', S3_ACCESS_KEY_ID: 'a' })).rejects.toThrow(
    'S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY go together',
  )
})
