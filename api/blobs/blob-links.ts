import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { BlobRef } from '../../queue/domain/blob.ts'
import { QueueError } from '../../queue/domain/errors.ts'

/** A blob, and the name under which it is downloaded. */
export interface Download {
  ref: BlobRef
  filename: string
}

export interface BlobLinks {
  /** The path of a link that whoever has it may read, until it expires. */
  pathOf(download: Download): string
  /** What a link's token stands for. @throws LINK_NOT_VALID when it is not one of ours, or has expired */
  read(token: string): Download
}

export const linkPath = '/v1/blobs'

const shape = z.tuple([z.string(), z.int(), z.string(), z.string(), z.int()])

/** The longest of ours are under 2 kB. */
const maxTokenLength = 4096

/**
 * Links signed with HMAC-SHA-256 under keys of their own, derived from the secret of the access tokens and from its predecessors. A token holds all that is needed
 * to serve it, so that no store is asked whether it is good.
 */
export function makeBlobLinks(options: {
  secret: string
  previousSecrets: readonly string[]
  lifeSeconds: number
  nowMs?: () => number
}): BlobLinks {
  const { lifeSeconds, nowMs = Date.now } = options
  const keys = [options.secret, ...options.previousSecrets].map((secret) =>
    Buffer.from(hkdfSync('sha256', secret, '', 'noodle blob links', 32)),
  )
  const sign = (body: string, key: Buffer): Buffer => createHmac('sha256', key).update(body).digest()

  return {
    pathOf({ ref, filename }) {
      const expiresAt = Math.floor(nowMs() / 1000) + lifeSeconds
      const parts: z.output<typeof shape> = [ref.key, ref.bytes, ref.sha256, filename, expiresAt]
      const body = Buffer.from(JSON.stringify(parts)).toString('base64url')
      const [key = Buffer.alloc(0)] = keys
      return `${linkPath}/${body}.${sign(body, key).toString('base64url')}`
    },
    read(token) {
      const [body = '', signature = ''] = token.split('.')
      const given = Buffer.from(signature, 'base64url')
      const isOurs =
        token.length <= maxTokenLength &&
        keys.some((key) => {
          const expected = sign(body, key)
          return given.length === expected.length && timingSafeEqual(given, expected)
        })
      if (!isOurs) throw notValid('The link is not one of ours; ask for the job again, which has a new one.')
      const [key, bytes, sha256, filename, expiresAt] = shape.parse(
        JSON.parse(Buffer.from(body, 'base64url').toString('utf8')),
      )
      if (expiresAt * 1000 <= nowMs())
        throw notValid('The link has expired; ask for the job again, which has a new one.')
      return { ref: { key, bytes, sha256 }, filename }
    },
  }
}

const notValid = (message: string): QueueError => new QueueError('LINK_NOT_VALID', message)
