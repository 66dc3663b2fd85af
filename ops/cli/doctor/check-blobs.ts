import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { type Config, readConfig, sourceOf } from '../../../core/config.ts'
import { makeMetrics } from '../../../core/metrics.ts'
import type { BlobStore } from '../../../queue/store/blobs/blob-store.ts'
import { blobStoreOptions, openBlobs } from '../../../queue/store/blobs/open-blobs.ts'
import { homeFolder } from '../../local/home.ts'
import { readRunningState } from '../../local/state-file.ts'
import { failure, type Finding, ok } from './finding.ts'

/** Tries the blob store from here, with a blob that nobody else looks for. A folder that is not there yet is not made: it must belong to the platform's user. */
export async function checkBlobs(): Promise<Finding> {
  const config = { ...readConfig([...blobStoreOptions]), BLOB_DIR: findFolder() }
  if (config.S3_BUCKET === undefined && !existsSync(config.BLOB_DIR))
    return ok('blob store', `The folder ${config.BLOB_DIR} is made with the first blob.`)
  try {
    const blobs = await openBlobs(config, makeMetrics())
    await tryOut(blobs).finally(() => {
      blobs.close()
    })
    return ok('blob store', `The ${blobs.place} takes blobs and gives them back.`)
  } catch (error) {
    return failure(
      'blob store',
      error instanceof Error ? error.message : String(error),
      'Mend BLOB_DIR, or S3_BUCKET and the other S3 options; docs/blobs.md.',
    )
  }
}

/** That of the platform that `up` runs here, unless another is set. */
function findFolder(): Config['BLOB_DIR'] {
  const { NOODLE_HOME, BLOB_DIR } = readConfig(['NOODLE_HOME', 'BLOB_DIR'])
  const home = homeFolder(NOODLE_HOME)
  return sourceOf('BLOB_DIR') === 'default' && readRunningState(home) ? join(home, 'blobs') : BLOB_DIR
}

async function tryOut(blobs: BlobStore): Promise<void> {
  const key = `_doctor/${randomUUID()}`
  const content = Buffer.from(key)
  await blobs.put(key, content)
  const read = await buffer(await blobs.get(key))
  await blobs.delete([key])
  if (!read.equals(content)) throw new Error(`The ${blobs.place} gave back another blob than it took.`)
}
