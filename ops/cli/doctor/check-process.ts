import { ConfigError, type OptionName, readConfig, sourceOf } from '../../../core/config.ts'
import { options } from '../../../core/config-options.ts'
import { gatewayUrl } from '../../local/gateway-port.ts'
import { isPortFree } from '../../local/ports.ts'
import { checkGateway } from './check-gateway.ts'
import { failure, type Finding, ok, warning } from './finding.ts'

/** package.json's engines. */
const oldestNode = [22, 19] as const

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor, oldestMinor] = oldestNode
  const isNewEnough = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)
  return isNewEnough
    ? ok('node', `Node ${version}.`)
    : failure(
        'node',
        `Node ${version} is too old.`,
        `Use Node ${String(oldestMajor)}.${String(oldestMinor)} or newer; scripts/setup brings one on Linux.`,
      )
}

/** Every option that was set must be right; whether one is missing is told by the process that needs it. */
export function checkConfig(): Finding {
  const set = (Object.keys(options) as OptionName[]).filter((name) => sourceOf(name) !== 'default')
  try {
    readConfig(set)
    return ok('configuration', `${String(set.length)} options are set.`)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return failure(
      'configuration',
      error.problems.join(' '),
      'Mend them; docs/configuration.md has all options.',
    )
  }
}

/** The gateway's port, where no gateway is known: whether one could have it, or which one has. */
export async function checkPort(): Promise<Finding> {
  const { PORT, HOST } = readConfig(['PORT', 'HOST'])
  if (PORT === 0) return ok('port', 'The gateway takes any free port.')
  if (await isPortFree(PORT, HOST)) return ok('port', `Port ${String(PORT)} is free for a gateway.`)
  const url = gatewayUrl(HOST, PORT)
  const found = await checkGateway(url)
  if (found.status !== 'failure') return found
  return warning(
    'port',
    `Port ${String(PORT)} is taken, by something that does not answer as a gateway that is ready (${found.message})`,
    `If it is a gateway, NOODLE_URL=${url} noodle doctor says more. Else free the port or set PORT; npm start takes another one by itself unless PORT is set.`,
  )
}
