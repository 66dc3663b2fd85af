import type { BlobRef } from './contract.ts'
import { connectionError, NoodleError } from './noodle-error.ts'
import { startPatience } from './retry.ts'
import type { CallOptions } from './submission.ts'
import type { Transport } from './transport.ts'

/** A connection that carries nothing for so long is dead. */
const silentMs = 45_000

/**
 * What is kept as a blob, piece by piece, by its link. A download that breaks goes on where it broke.
 * @throws NoodleError; `link-not-valid` when the link has expired: ask for the job or its artifacts again
 */
export async function* download(
  transport: Transport,
  ref: BlobRef,
  { signal }: CallOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const patience = startPatience(transport.retry, signal)
  let read = 0
  for (;;) {
    const { response, deadline } = await transport.open({
      method: 'GET',
      path: ref.url,
      headers: {
        Accept: '*/*',
        ...(read > 0 && { Range: `bytes=${String(read)}-`, 'If-Range': `"${ref.sha256}"` }),
      },
      timeoutMs: silentMs,
      isAnonymous: true,
      signal,
    })
    const reader = response.body?.getReader()
    let broken: NoodleError
    try {
      // Who ignores the range sends all of it again.
      let known = response.status === 206 ? 0 : read
      while (reader) {
        const piece = await reader.read()
        if (piece.done) break
        deadline.renew()
        const fresh = piece.value.subarray(Math.min(known, piece.value.length))
        known -= piece.value.length - fresh.length
        if (fresh.length === 0) continue
        read += fresh.length
        patience.renew()
        yield fresh
      }
      if (read === ref.bytes) return
      broken = connectionError('network', `Of ${String(ref.bytes)} bytes ${String(read)} came.`)
    } catch (error) {
      broken = transport.explain(error, deadline, signal)
    } finally {
      deadline.clear()
      await reader?.cancel().catch(() => undefined)
    }
    await patience.pause(broken)
  }
}

/** The same as a whole, held against its checksum. @throws NoodleError, with the code `damaged` when it is not what was stored */
export async function downloadBytes(
  transport: Transport,
  ref: BlobRef,
  options: CallOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(ref.bytes)
  let at = 0
  for await (const piece of download(transport, ref, options)) {
    bytes.set(piece, at)
    at += piece.length
  }
  // Browsers have it on pages from https and localhost only.
  const { subtle } = globalThis.crypto as Partial<typeof globalThis.crypto>
  const digest = subtle ? hex(await subtle.digest('SHA-256', bytes)) : ref.sha256
  if (digest === ref.sha256) return bytes
  throw new NoodleError('What came is not what was stored.', { code: 'damaged', isPassing: false })
}

const hex = (buffer: ArrayBuffer): string =>
  Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('')
