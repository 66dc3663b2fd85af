import { randomUUID } from 'node:crypto'
import { constants, type Dirent } from 'node:fs'
import { type FileHandle, mkdir, open, opendir, rename, rmdir, stat, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import {
  type BlobStore,
  blobLost,
  blobsUnavailable,
  type ListedBlob,
  type SizedStream,
} from './blob-store.ts'
import { measureStream, sha256Of } from './measure-stream.ts'

/** Only the platform's own user. */
const folderMode = 0o700
const fileMode = 0o600

/** A folder made for one blob may be gone before the blob is there, with the last other blob in it. */
const folderTries = 3

/**
 * Blobs as files of a folder, which must be the same one for all processes that use it. A file is written beside its place, synced, and renamed;
 * what a crash leaves of that ends in `.part`. The folder is made with the first blob.
 */
export function makeFolderBlobs(dir: string): BlobStore {
  const root = resolve(dir)
  const place = `folder ${root}`

  /** Keys are made by domain/blob.ts; should one lead elsewhere, that is a bug of ours. */
  function pathOf(key: string): string {
    const segments = key.split('/')
    if (
      segments.some(
        (segment) => segment === '' || segment === '.' || segment === '..' || /[\0\\]/.test(segment),
      )
    )
      throw new Error(`${JSON.stringify(key)} is no key of a blob.`)
    return join(root, ...segments)
  }

  async function openNew(path: string): Promise<FileHandle> {
    for (let tries = 1; ; tries++) {
      const made = await mkdir(dirname(path), { recursive: true, mode: folderMode })
      if (made !== undefined) await syncFolders(dirname(path), dirname(made))
      try {
        return await open(path, 'wx', fileMode)
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || tries === folderTries) throw error
      }
    }
  }

  async function write(file: FileHandle, body: Buffer | SizedStream, signal?: AbortSignal) {
    const options = { ...(signal && { signal }) }
    if (Buffer.isBuffer(body)) {
      await file.writeFile(body, options)
      return { bytes: body.length, sha256: sha256Of(body) }
    }
    const { pieces, result } = measureStream(body.stream, body.bytes)
    await file.writeFile(pieces, options)
    return result()
  }

  /** Empty folders go with their last blob, up to the root. */
  async function removeEmpty(folder: string): Promise<void> {
    for (let at = folder; at !== root; at = dirname(at)) {
      const isRemoved = await rmdir(at).then(
        () => true,
        () => false, // not empty, or gone
      )
      if (!isRemoved) return
    }
  }

  async function* walk(folder: string, prefix: string): AsyncGenerator<ListedBlob, void, undefined> {
    for await (const entry of entriesOf(folder)) {
      const [path, key] = [join(folder, entry.name), `${prefix}${entry.name}`]
      if (entry.isDirectory()) yield* walk(path, `${key}/`)
      else if (entry.isFile()) {
        const found = await stat(path).catch(unlessMissing)
        if (found) yield { key, bytes: found.size, at: found.mtime }
      }
    }
  }

  return {
    place,
    async put(key, body, signal) {
      const path = pathOf(key)
      const unfinished = `${path}.${randomUUID().slice(0, 8)}.part`
      try {
        const file = await openNew(unfinished)
        try {
          const stored = await write(file, body, signal)
          await file.sync()
          await file.close()
          await rename(unfinished, path)
          await syncFolders(dirname(path), dirname(path))
          return stored
        } catch (error) {
          await file.close().catch(() => undefined)
          await unlink(unfinished).catch(() => undefined)
          if (!Buffer.isBuffer(body)) body.stream.destroy()
          throw error
        }
      } catch (error) {
        throw isOfFiles(error) ? blobsUnavailable(place, error) : error
      }
    },
    async get(key, { range, signal } = {}) {
      try {
        const file = await open(pathOf(key), constants.O_RDONLY | constants.O_NOFOLLOW)
        return file.createReadStream({
          ...(range && { start: range.first, end: range.last }),
          ...(signal && { signal }),
        })
      } catch (error) {
        if (codeOf(error) === 'ENOENT') throw blobLost(key, place, error)
        throw isOfFiles(error) ? blobsUnavailable(place, error) : error
      }
    },
    async delete(keys) {
      try {
        for (const key of keys) {
          const path = pathOf(key)
          await unlink(path).catch(unlessMissing)
          await removeEmpty(dirname(path))
        }
      } catch (error) {
        throw isOfFiles(error) ? blobsUnavailable(place, error) : error
      }
    },
    async *list(prefix) {
      try {
        yield* walk(prefix === '' ? root : pathOf(prefix.slice(0, -1)), prefix)
      } catch (error) {
        throw isOfFiles(error) ? blobsUnavailable(place, error) : error
      }
    },
    close() {},
  }
}

/** None of a folder that is not there. */
async function* entriesOf(folder: string): AsyncGenerator<Dirent, void, undefined> {
  const entries = await opendir(folder).catch(unlessMissing)
  if (entries) yield* entries
}

/** Brings names to disk, from a folder up to one above it. */
async function syncFolders(from: string, upTo: string): Promise<void> {
  for (let folder = from; ; folder = dirname(folder)) {
    const opened = await open(folder, constants.O_RDONLY)
    await opened.sync().finally(() => opened.close())
    if (folder === upTo || folder === dirname(folder)) return
  }
}

const codeOf = (error: unknown): unknown => (error as Partial<NodeJS.ErrnoException> | null)?.code

/** What the file system says: no space, no permission, read-only, broken. */
const isOfFiles = (error: unknown): boolean =>
  (error as Partial<NodeJS.ErrnoException> | null)?.syscall !== undefined

function unlessMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
  return undefined
}
