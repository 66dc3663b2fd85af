import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { sourceOf } from '../../core/config.ts'
import { writePrivately } from './private-file.ts'

/** The folder of the code that runs. */
export const checkout = join(import.meta.dirname, '../..')

/** NOODLE_HOME: by default `.noodle` of the checkout, wherever one stands; a value that was set counts from the present folder. */
export function homeFolder(noodleHome: string): string {
  return sourceOf('NOODLE_HOME') === 'default' ? join(checkout, noodleHome) : resolve(noodleHome)
}

/** What the embedded default makes for itself, once. */
export interface Secrets {
  /** 48 random bytes: more than HS256 asks for. */
  jwtSecret: string
  /** Encrypts the secrets of tenants. */
  secretsKey: string
  redisPassword: string
  postgresPassword: string
  adminPassword: string
}

/** Who may log in where: the command line reads it, so that it works without being told. */
export interface Credentials {
  url: string
  username: string
  password: string
}

/** Makes the folder, closed to others, and its secrets, or finds them again. */
export function openHome(home: string): Secrets {
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const file = join(home, 'secrets.json')
  const secrets: Secrets = {
    jwtSecret: secret(48),
    secretsKey: secret(48),
    redisPassword: secret(24),
    postgresPassword: secret(24),
    adminPassword: secret(15),
    ...(existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<Secrets>) : {}),
  }
  writePrivately(file, secrets)
  return secrets
}

/** Undefined when nothing was started with this home yet. */
export function readHomeSecrets(home: string): Secrets | undefined {
  const file = join(home, 'secrets.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Secrets) : undefined
}

export const credentialsFile = (home: string): string => join(home, 'credentials.json')

export function writeCredentials(home: string, credentials: Credentials): void {
  writePrivately(credentialsFile(home), credentials)
}

/** Undefined when nothing was started with this home yet. */
export function readCredentials(home: string): Credentials | undefined {
  const file = credentialsFile(home)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Credentials) : undefined
}

const secret = (bytes: number): string => randomBytes(bytes).toString('base64url')
