import { createHash, createSecretKey, type KeyObject } from 'node:crypto'
import jwt from 'jsonwebtoken'
import { z } from 'zod'
import { QueueError } from '../../queue/domain/errors.ts'
import { roles, type User } from '../../queue/domain/user.ts'

const issuer = 'noodle'
/** RFC 9068, 2.1; checked, so that no other kind of token that we sign passes for this one (RFC 8725, 3.11). */
const type = 'at+jwt'
const algorithm = 'HS256'
/** Ours are under 1 kB; a longer one is not worth reading. */
const maxTokenLength = 4096
/** Verified tokens that are remembered until they expire: a verification costs more than all else of a request. */
const maxRemembered = 20_000

const claimsShape = z.object({
  sub: z.uuid(),
  jti: z.uuid(),
  exp: z.number(),
  username: z.string(),
  role: z.enum(roles),
  tenant: z.string(),
  /** The user's token version when it was issued. */
  ver: z.number().int(),
})
export type Claims = z.output<typeof claimsShape>

/** Where a token is good: the API's and the dashboard's don't pass for one another. */
export type Audience = 'noodle-api' | 'noodle-admin'

export interface AccessTokens {
  issue(user: User): string
  /** What a token says that was verified before and has not expired; undefined for any other. */
  recall(token: string): Claims | undefined
  /** @throws BAD_TOKEN */
  verify(token: string): Claims
}

/** Signed with the current secret; verified with it and the previous ones, each under the key id that names it. */
export function makeAccessTokens(options: {
  secret: string
  previousSecrets: readonly string[]
  lifeSeconds: number
  audience: Audience
  newId: () => string
}): AccessTokens {
  const { secret, previousSecrets, lifeSeconds, audience, newId } = options
  const keys = new Map<string, KeyObject>(
    [secret, ...previousSecrets].map((text) => [keyId(text), createSecretKey(Buffer.from(text))]),
  )
  const currentId = keyId(secret)
  const remembered = new Map<string, Claims>()

  function check(token: string): Claims {
    try {
      const { header } = jwt.decode(token, { complete: true }) ?? {}
      const key = header?.typ === type && header.kid !== undefined ? keys.get(header.kid) : undefined
      if (!key) throw new Error('No key of ours signed it.')
      return claimsShape.parse(
        jwt.verify(token, key, { algorithms: [algorithm], issuer, audience, clockTolerance: 5 }),
      )
    } catch (error) {
      const isExpired = error instanceof jwt.TokenExpiredError
      throw new QueueError(
        'BAD_TOKEN',
        isExpired
          ? 'The access token has expired; refresh it, or log in again.'
          : 'The access token is not valid; log in again.',
        { cause: error },
      )
    }
  }

  function recall(token: string): Claims | undefined {
    const known = remembered.get(token)
    return known && known.exp > Date.now() / 1000 ? known : undefined
  }

  return {
    recall,
    issue(user) {
      const claims = { username: user.username, role: user.role, tenant: user.tenant, ver: user.tokenVersion }
      const key = keys.get(currentId)
      if (!key) throw new Error('The current key is gone.')
      return jwt.sign(claims, key, {
        algorithm,
        issuer,
        audience,
        subject: user.id,
        jwtid: newId(),
        expiresIn: lifeSeconds,
        header: { alg: algorithm, typ: type, kid: currentId },
      })
    },
    verify(token) {
      if (token.length > maxTokenLength)
        throw new QueueError('BAD_TOKEN', 'The access token is longer than any of ours.')
      const known = recall(token)
      if (known) return known
      remembered.delete(token)
      const claims = check(token)
      const [oldest] = remembered.keys()
      if (remembered.size >= maxRemembered && oldest !== undefined) remembered.delete(oldest)
      remembered.set(token, claims)
      return claims
    },
  }
}

/** Names a key without telling it. */
const keyId = (secret: string): string =>
  createHash('sha256').update(`noodle key id ${secret}`).digest('hex').slice(0, 16)
