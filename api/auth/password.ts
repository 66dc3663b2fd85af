import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/** OWASP Password Storage Cheat Sheet, scrypt: N=2^15, r=8, p=3; 32 MiB a hash. */
const cost = { logN: 15, r: 8, p: 3 }
const saltBytes = 16
const keyBytes = 32

/** Hashes that run at once: each takes 32 MiB and a thread of the pool that also resolves names and reads files. */
const maxAtOnce = 2

/** Hashes as `scrypt$logN$r$p$salt$key`, so that the cost can rise without breaking what is stored. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltBytes)
  const key = await derive(password, salt, cost, keyBytes)
  return ['scrypt', cost.logN, cost.r, cost.p, salt.toString('base64url'), key.toString('base64url')].join(
    '$',
  )
}

/** False for a wrong password; with no hash (an unknown user) it takes as long and says false. */
export async function verifyPassword(password: string, hash: string | null): Promise<boolean> {
  const [scheme, logN, r, p, salt = '', key = ''] = (hash ?? (await unknownUserHash())).split('$')
  if (scheme !== 'scrypt')
    throw new Error('A stored password hash has a scheme that this version does not know.')
  const expected = Buffer.from(key, 'base64url')
  const given = await derive(
    password,
    Buffer.from(salt, 'base64url'),
    { logN: Number(logN), r: Number(r), p: Number(p) },
    expected.length,
  )
  return timingSafeEqual(given, expected) && hash !== null
}

let unknownUser: Promise<string> | undefined
const unknownUserHash = (): Promise<string> => (unknownUser ??= hashPassword(randomBytes(16).toString('hex')))

let running = 0
const waiting: (() => void)[] = []

async function derive(
  password: string,
  salt: Buffer,
  { logN, r, p }: typeof cost,
  length: number,
): Promise<Buffer> {
  if (running >= maxAtOnce) await new Promise<void>((resolve) => waiting.push(resolve))
  running++
  try {
    return await new Promise((resolve, reject) => {
      scrypt(password, salt, length, { N: 2 ** logN, r, p, maxmem: 256 * 2 ** logN * r }, (error, key) =>
        error ? reject(error) : resolve(key),
      )
    })
  } finally {
    running--
    waiting.shift()?.()
  }
}
