import { type Config, ConfigError } from '../../../core/config.ts'
import type { Metrics } from '../../../core/metrics.ts'
import type { BlobStore } from './blob-store.ts'
import { makeFolderBlobs } from './folder-blobs.ts'

export const blobStoreOptions = [
  'BLOB_DIR',
  'S3_BUCKET',
  'S3_ENDPOINT',
  'S3_LINK_ENDPOINT',
  'S3_REGION',
  'S3_PATH_STYLE',
  'S3_PREFIX',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
] as const

type BlobConfig = Pick<Config, (typeof blobStoreOptions)[number]>

/** The blob store that the configuration names; nothing is asked of it yet. @throws ConfigError */
export async function openBlobs(config: BlobConfig, metrics: Metrics): Promise<BlobStore> {
  return measured(await make(config), metrics)
}

async function make(config: BlobConfig): Promise<BlobStore> {
  const { S3_BUCKET: bucket, S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = config
  if (bucket === undefined) return makeFolderBlobs(config.BLOB_DIR)
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined))
    throw new ConfigError(['S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY go together; set both, or neither.'])
  const { makeS3Blobs } = await import('./s3-blobs.ts') // the SDK takes time and memory that a folder does not need
  return makeS3Blobs({
    bucket,
    region: config.S3_REGION,
    endpoint: config.S3_ENDPOINT,
    linkEndpoint: config.S3_LINK_ENDPOINT,
    isPathStyle: config.S3_PATH_STYLE ?? config.S3_ENDPOINT !== undefined,
    credentials:
      accessKeyId === undefined || secretAccessKey === undefined
        ? undefined
        : { accessKeyId, secretAccessKey },
    prefix: config.S3_PREFIX,
  })
}

function measured(blobs: BlobStore, metrics: Metrics): BlobStore {
  async function timed<T>(operation: string, act: () => Promise<T>): Promise<T> {
    const end = metrics.blobRequests.startTimer({ operation })
    try {
      const answer = await act()
      end({ outcome: 'ok' })
      return answer
    } catch (error) {
      end({ outcome: 'error' })
      throw error
    }
  }
  return {
    ...blobs,
    put: (key, body, signal) => timed('put', () => blobs.put(key, body, signal)),
    get: (key, options) => timed('get', () => blobs.get(key, options)),
    delete: (keys) => timed('delete', () => blobs.delete(keys)),
  }
}
