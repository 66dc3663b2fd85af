import type { CredentialOptions } from './credentials.ts'
import type { Fetch } from './transport.ts'
import type { RetryOptions } from './retry.ts'
import type { CallOptions } from './submission.ts'

export interface NoodleClientOptions extends CredentialOptions {
  /** Of the gateway, such as http://127.0.0.1:8080; it may have a path. */
  url: string
  /** In place of the global one. */
  fetch?: Fetch | undefined
  /** How calls are tried again that a passing fault stopped, where that is safe. */
  retry?: RetryOptions | undefined
  /** How long one try may take, in ms. Default 30,000. */
  timeoutMs?: number | undefined
  /** Makes the keys of submissions that come without one. By default random ones. */
  newIdempotencyKey?: (() => string) | undefined
}

export interface WaitOptions extends CallOptions {
  /** How long to wait at most, in ms; by default for as long as it takes. Then it throws a DOMException called TimeoutError. */
  timeoutMs?: number | undefined
}

export interface LogOptions extends CallOptions {
  /** Begin so many lines before the end. */
  tail?: number | undefined
  /** Only lines of this attempt. */
  attempt?: number | undefined
  /** Begin after this line. */
  after?: string | undefined
}
