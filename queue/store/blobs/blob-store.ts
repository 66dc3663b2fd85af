import type { Readable } from 'node:stream'
import { QueueError } from '../../domain/errors.ts'

/** Where large things lie: a folder (folder-blobs.ts) or an S3 bucket (s3-blobs.ts). Keys are of domain/blob.ts. */
export interface BlobStore {
  /** For people: the folder, or the bucket. */
  readonly place: string
  /**
   * Stores a blob, whole or not at all, in place of what was there. Resolves once it would survive the loss of power.
   * @throws BLOBS_UNAVAILABLE; Error for a stream that has not as many bytes as was said, or that fails
   */
  put(key: string, body: Buffer | SizedStream, signal?: AbortSignal): Promise<StoredBlob>
  /** Its bytes, or those from `first` to `last`, both included. What is wrong later fails the stream. @throws BLOB_LOST when there is none, BLOBS_UNAVAILABLE */
  get(
    key: string,
    options?: { range?: ByteRange | undefined; signal?: AbortSignal | undefined },
  ): Promise<Readable>
  /** A URL that gives a blob to whoever has it, for so many seconds, without us; absent for a store without such links, or whose links would lead nowhere. */
  linkTo?: (key: string, lifeSeconds: number) => Promise<string>
  /** Keys that are not there are no error. @throws BLOBS_UNAVAILABLE */
  delete(keys: readonly string[]): Promise<void>
  /** All whose key begins so, in no certain order; the prefix is empty or ends with a slash. Deleting meanwhile is no harm. @throws BLOBS_UNAVAILABLE */
  list(prefix: string): AsyncGenerator<ListedBlob, void, undefined>
  close(): void
}

export interface SizedStream {
  stream: Readable
  /** Of the whole stream. */
  bytes: number
}

export interface ByteRange {
  first: number
  last: number
}

export interface StoredBlob {
  bytes: number
  /** In hexadecimal digits. */
  sha256: string
}

export interface ListedBlob {
  key: string
  bytes: number
  /** When it was stored, by the store's clock. */
  at: Date
}

export const blobLost = (key: string, place: string, cause?: unknown): QueueError =>
  new QueueError(
    'BLOB_LOST',
    `${key} is not in ${place}. A folder must be the same one for gateways, ops and workers on all machines.`,
    { cause },
  )

export const blobsUnavailable = (place: string, cause: unknown): QueueError =>
  new QueueError('BLOBS_UNAVAILABLE', `The blob store (${place}) can not be used now: ${reasonOf(cause)}.`, {
    retryAfterSeconds: 5,
    cause,
  })

function reasonOf(cause: unknown): string {
  const { name = '', message = '' } = cause as Partial<Error>
  return (message || name || String(cause)).replace(/\.$/, '')
}
