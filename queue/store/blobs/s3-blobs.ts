import { Readable } from 'node:stream'
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { type BlobStore, blobLost, blobsUnavailable } from './blob-store.ts'
import { measureStream, sha256Of } from './measure-stream.ts'

export interface S3Options {
  bucket: string
  region: string
  /** Of another service than AWS, such as MinIO. */
  endpoint?: string | undefined
  /** Where links lead. Undefined: nowhere else than `endpoint` if that is undefined too, else there are none. */
  linkEndpoint?: string | undefined
  /** `https://host/bucket/key` in place of `https://bucket.host/key`. */
  isPathStyle: boolean
  /** Undefined finds them as all programs of AWS do: environment, shared files, the machine's role. */
  credentials?: { accessKeyId: string; secretAccessKey: string } | undefined
  /** Before each key; empty, or with a slash at its end. */
  prefix: string
}

const silent = { debug() {}, info() {}, warn() {}, error() {} }

const connectDeadlineMs = 3000
/** Of silence, not of a whole transfer. */
const silenceDeadlineMs = 20_000
/** The most that DeleteObjects takes. */
const deletedAtOnce = 1000

/** Blobs as objects of a bucket, in S3 or a service that speaks its protocol. The bucket must be there. */
export function makeS3Blobs(options: S3Options): BlobStore {
  const { bucket, prefix } = options
  const connect = (endpoint: string | undefined) =>
    new S3Client({
      region: options.region,
      forcePathStyle: options.isPathStyle,
      ...(endpoint !== undefined && { endpoint }),
      ...(options.credentials && { credentials: options.credentials }),
      maxAttempts: 3,
      // Checksums of the SDK's own, in trailers, are not known to all services; ours are in the rows.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      logger: silent, // what it has to say comes as errors
      requestHandler: { connectionTimeout: connectDeadlineMs, socketTimeout: silenceDeadlineMs },
    })
  const client = connect(options.endpoint)
  const signer = signerOf(options.linkEndpoint)
  const place = `S3 bucket ${bucket}${options.endpoint === undefined ? '' : ` at ${options.endpoint}`}`
  const at = (key: string) => ({ Bucket: bucket, Key: prefix + key })
  const unavailable = (error: unknown): unknown =>
    isOfService(error) ? blobsUnavailable(place, error) : error

  /** Signing asks nothing of the service, so it may be one that is reached from elsewhere only. */
  function signerOf(linkEndpoint: string | undefined): S3Client | undefined {
    if (linkEndpoint !== undefined) return connect(linkEndpoint)
    return options.endpoint === undefined ? client : undefined
  }

  return {
    place,
    async put(key, body, signal) {
      const given = new AbortController()
      const abortSignal = signal ? AbortSignal.any([signal, given.signal]) : given.signal
      let fault: unknown
      try {
        if (Buffer.isBuffer(body)) {
          await client.send(new PutObjectCommand({ ...at(key), Body: body }), { abortSignal })
          return { bytes: body.length, sha256: sha256Of(body) }
        }
        const { pieces, result } = measureStream(body.stream, body.bytes)
        // The SDK does not hear of a body that fails, and would wait for the rest of it.
        const sent = Readable.from(pieces).once('error', (error) => {
          fault = error
          given.abort()
        })
        await client.send(new PutObjectCommand({ ...at(key), Body: sent, ContentLength: body.bytes }), {
          abortSignal,
        })
        return result()
      } catch (error) {
        throw fault ?? unavailable(error)
      } finally {
        if (!Buffer.isBuffer(body)) body.stream.destroy()
      }
    },
    async get(key, { range, signal } = {}) {
      try {
        const { Body: body } = await client.send(
          new GetObjectCommand({
            ...at(key),
            ...(range && { Range: `bytes=${String(range.first)}-${String(range.last)}` }),
          }),
          { ...(signal && { abortSignal: signal }) },
        )
        if (!(body instanceof Readable)) throw new Error('S3 answered without a body.')
        return body
      } catch (error) {
        if (error instanceof S3ServiceException && error.name === 'NoSuchKey')
          throw blobLost(key, place, error)
        throw unavailable(error)
      }
    },
    ...(signer && {
      linkTo: (key: string, expiresIn: number) =>
        getSignedUrl(signer, new GetObjectCommand(at(key)), { expiresIn }).catch((error: unknown) => {
          throw unavailable(error)
        }),
    }),
    async delete(keys) {
      try {
        for (let i = 0; i < keys.length; i += deletedAtOnce) {
          const objects = keys.slice(i, i + deletedAtOnce).map((key) => ({ Key: prefix + key }))
          const { Errors: errors = [] } = await client.send(
            new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: objects, Quiet: true } }),
          )
          const [first] = errors
          if (first)
            throw blobsUnavailable(place, new Error(`${first.Code ?? ''} ${first.Message ?? ''}`.trim()))
        }
      } catch (error) {
        throw unavailable(error)
      }
    },
    async *list(below) {
      let token: string | undefined
      do {
        const page = await client
          .send(
            new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix + below, ContinuationToken: token }),
          )
          .catch((error: unknown) => {
            throw unavailable(error)
          })
        for (const { Key: key, Size: bytes = 0, LastModified: stored } of page.Contents ?? [])
          if (key !== undefined && stored) yield { key: key.slice(prefix.length), bytes, at: stored }
        token = page.IsTruncated ? page.NextContinuationToken : undefined
      } while (token !== undefined)
    },
    close() {
      client.destroy()
      signer?.destroy()
    },
  }
}

/** What the service or the way to it says; an abort and what our own streams say are none of it. */
function isOfService(error: unknown): boolean {
  if (error instanceof S3ServiceException) return true
  const { name = '', code } = error as Partial<NodeJS.ErrnoException>
  return typeof code === 'string' || transportErrors.has(name)
}

const transportErrors = new Set(['TimeoutError', 'CredentialsProviderError', 'NetworkingError'])
