import { createHash } from 'node:crypto'
import type { Logger } from '../../core/logger.ts'
import type { RunId } from '../../proto/generated/noodle/v1/RunId.ts'
import type { BlobRef } from '../../queue/domain/blob.ts'
import { QueueError } from '../../queue/domain/errors.ts'
import { fetchLink } from './fetch-link.ts'
import type { GatewayClient } from './gateway-client.ts'

/** Reads payloads that were too large to come with their job: from the object store where a gateway gives a link and it leads somewhere, else over the gateway. */
export interface PayloadReader {
  /** @throws QueueError of the gateway; GATEWAY_UNAVAILABLE for what came damaged */
  read(
    client: GatewayClient,
    run: RunId,
    ref: Pick<BlobRef, 'bytes' | 'sha256'>,
    signal: AbortSignal,
  ): Promise<Buffer>
}

/** For how long no links are asked for after one that led nowhere: most nodes reach the object store always or never. */
const withoutLinksMs = 300_000

/** @param options.isTls links are followed over TLS only, as all else goes */
export function makePayloadReader(options: {
  isTls: boolean
  log: Logger
  silenceMs?: number
}): PayloadReader {
  let linksAgainMs = 0

  async function follow(
    link: string,
    ref: Pick<BlobRef, 'bytes' | 'sha256'>,
    signal: AbortSignal,
  ): Promise<Buffer | null> {
    try {
      if (options.isTls && !link.startsWith('https:')) throw new Error('The link leads there without TLS.')
      const bytes = await fetchLink(link, { bytes: ref.bytes, signal, silenceMs: options.silenceMs })
      if (!isWhole(bytes, ref)) throw new Error('What came is damaged.')
      return bytes
    } catch (error) {
      signal.throwIfAborted()
      options.log.warn('a payload can not be read from the object store; for a while gateways send them', {
        error,
      })
      linksAgainMs = performance.now() + withoutLinksMs
      return null
    }
  }

  return {
    async read(client, run, ref, signal) {
      const pieces: Buffer[] = []
      const takesLink = performance.now() >= linksAgainMs
      for await (const { data, link } of client.readPayload({ run, takesLink }, signal)) {
        if (link !== '') return (await follow(link, ref, signal)) ?? this.read(client, run, ref, signal)
        pieces.push(data)
      }
      const bytes = Buffer.concat(pieces)
      if (!isWhole(bytes, ref))
        throw new QueueError('GATEWAY_UNAVAILABLE', `The payload of ${run.jobId ?? ''} came damaged.`)
      return bytes
    },
  }
}

const isWhole = (bytes: Buffer, { sha256 }: { sha256: string }): boolean =>
  createHash('sha256').update(bytes).digest('hex') === sha256
