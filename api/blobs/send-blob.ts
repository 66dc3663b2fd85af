import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import mime from 'mime-types'
import { readBlob } from '../../queue/use-cases/read-blob.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { HttpProblem } from '../http/problem.ts'
import type { Call, Reply } from '../http/route.ts'
import type { Download } from './blob-links.ts'
import { readRange } from './byte-range.ts'

/** By the ending of its name; what it is said to be, never what it is found to be. */
export const contentTypeOf = (filename: string): string => mime.lookup(filename) || 'application/octet-stream'

/**
 * The reply that sends a blob, whole and held against its checksum, or the range that was asked for. Always as a download: it is somebody's file, and
 * must not run in a browser as a page of ours.
 * @throws BLOB_LOST, BLOBS_UNAVAILABLE, 416
 */
export async function downloadReply(
  deps: Pick<QueueDeps, 'blobs'>,
  { ref, filename }: Download,
  call: Pick<Call<unknown, unknown, unknown>, 'raw' | 'gone' | 'log'>,
): Promise<Reply> {
  const { raw, log } = call
  const gone = call.gone()
  const { request } = raw
  const etag = `"${ref.sha256}"`
  const ifRange = request.headers['if-range']
  const range = ifRange === undefined || ifRange === etag ? readRange(request.headers.range, ref.bytes) : null
  if (range === 'unsatisfiable')
    throw new HttpProblem(416, `There are ${String(ref.bytes)} bytes; the range begins after them.`, {
      headers: { 'Content-Range': `bytes */${String(ref.bytes)}` },
    })
  const headers = {
    'Content-Type': contentTypeOf(filename),
    'Content-Disposition': disposition(filename),
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, no-transform',
    ETag: etag,
    'Content-Length': String(range ? range.last - range.first + 1 : ref.bytes),
    ...(range && {
      'Content-Range': `bytes ${String(range.first)}-${String(range.last)}/${String(ref.bytes)}`,
    }),
  }
  const status = range ? 206 : 200
  if (request.method === 'HEAD')
    return { stream: (response) => Promise.resolve(void response.writeHead(status, headers).end()) }
  if (request.headers['if-none-match'] === etag)
    return { stream: (response) => Promise.resolve(void response.writeHead(304, { ETag: etag }).end()) }
  const source = range
    ? await deps.blobs.get(ref.key, { range, signal: gone })
    : await readBlob(deps, ref, gone)
  return {
    async stream(response: ServerResponse) {
      // The first piece before the headers: what fails by then gets an answer of its own.
      const pieces = source[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>
      const first = await pieces.next()
      response.writeHead(status, headers)
      await pipeline(Readable.from(rest(first, pieces)), response, { signal: gone }).catch(
        (error: unknown) => {
          if (gone.aborted) return
          log().error('a blob could not be sent whole', { key: ref.key, error })
          throw error
        },
      )
    },
  }
}

async function* rest(
  first: IteratorResult<Buffer, undefined>,
  pieces: AsyncIterator<Buffer, undefined>,
): AsyncGenerator<Buffer> {
  try {
    for (let next = first; !next.done; next = await pieces.next()) yield next.value
  } finally {
    await pieces.return?.()
  }
}

/** RFC 6266, with a plain name for clients that know no other. */
function disposition(filename: string): string {
  const plain = filename.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  const encoded = encodeURIComponent(filename).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16)}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}
