import { ApiError, makeApiClient } from '../api-client.ts'
import type { Readiness } from '../../../client/src/contract.ts'
import { failure, type Finding, ok, warning } from './finding.ts'

/** /ready of the gateway, which knows how all of the platform is. */
export async function checkGateway(url: string): Promise<Finding> {
  try {
    const { status, details, version } = await makeApiClient(url).call<Readiness>('GET', '/ready', {
      timeoutMs: 5000,
      isRepeatable: false,
    })
    return status === 'ok'
      ? ok('gateway', `Noodle ${version} at ${url} is ready.`)
      : warning('gateway', `It works in part only: ${details.join(' ')}`, 'See the other findings.')
  } catch (error) {
    if (error instanceof ApiError && error.status === 503)
      return failure('gateway', `The gateway at ${url} is not ready.`, 'See the other findings, and its log.')
    return failure('gateway', error instanceof Error ? error.message : String(error), 'Look into its log.')
  }
}
