import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import jwt from 'jsonwebtoken'
import { z } from 'zod'
import { QueueError } from '../domain/errors.ts'

/** Tokens that a node signs for itself, where it has the secret of the access tokens. They are of a kind of their own, under a key of their own, and let a node do nothing but a node's work. */
export interface NodeTokens {
  issue(nodeId: string): string
  /** True for what says that it is such a token; it may be a lie. */
  isOne(token: string): boolean
  /** The id of the node that it speaks for. @throws BAD_TOKEN */
  verify(token: string): string
}

const issuer = 'noodle'
const audience = 'noodle-workers'
const type = 'node+jwt'
const algorithm = 'HS256'
/** Ours have some 300 bytes. */
const maxTokenLength = 1024

const claimsShape = z.object({ sub: z.string().min(1), exp: z.number() })

/** Headers of tokens that are remembered with what they are: all of a kind have the same, and each request asks. */
const maxHeads = 100

/** Signed with the present secret, verified with it and its predecessors. */
export function makeNodeTokens(options: {
  secret: string
  previousSecrets: readonly string[]
  lifeSeconds: number
}): NodeTokens {
  const keys = [options.secret, ...options.previousSecrets].map(keyOf)
  const heads = new Map<string, boolean>()

  return {
    issue(nodeId) {
      const [key] = keys
      if (!key) throw new Error('There is always a key.')
      return jwt.sign({}, key, {
        algorithm,
        issuer,
        audience,
        subject: nodeId,
        expiresIn: options.lifeSeconds,
        header: { alg: algorithm, typ: type },
      })
    },
    isOne(token) {
      if (token.length > maxTokenLength) return false
      const head = token.slice(0, Math.max(0, token.indexOf('.')))
      const known = heads.get(head)
      if (known !== undefined) return known
      if (heads.size >= maxHeads) heads.clear()
      const is = typeOf(head) === type
      heads.set(head, is)
      return is
    },
    verify(token) {
      let cause: unknown
      for (const key of keys) {
        try {
          const claims = jwt.verify(token, key, {
            algorithms: [algorithm],
            issuer,
            audience,
            clockTolerance: 5,
          })
          return claimsShape.parse(claims).sub
        } catch (error) {
          cause = error
          if (error instanceof jwt.TokenExpiredError)
            throw new QueueError('BAD_TOKEN', 'The token of the node has expired; it makes a new one.', {
              cause,
            })
        }
      }
      throw new QueueError(
        'BAD_TOKEN',
        'The token of the node is not valid: it must be signed with the AUTH_JWT_SECRET of the gateway.',
        { cause },
      )
    },
  }
}

const keyOf = (secret: string): KeyObject =>
  createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', 'noodle node tokens', 32)))

/** Of a header alone, whatever follows it: what is remembered must not depend on the rest of some token. */
function typeOf(head: string): unknown {
  try {
    return (JSON.parse(Buffer.from(head, 'base64url').toString()) as { typ?: unknown } | null)?.typ
  } catch {
    return undefined
  }
}
