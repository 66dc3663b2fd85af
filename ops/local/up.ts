import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { readConfig } from '../../core/config.ts'
import { migrate } from '../../queue/store/migrate.ts'
import { claimFolder } from './claim-folder.ts'
import { runFirstJob } from './first-job.ts'
import { chooseGatewayPorts, gatewayAddress, gatewayUrl, tellOtherPorts } from './gateway-port.ts'
import { greeting } from './greeting.ts'
import { checkout, homeFolder, openHome, writeCredentials } from './home.ts'
import { isSet, unlessSet, type Start } from './start.ts'
import { startProcesses } from './start-processes.ts'
import { startStores } from './start-stores.ts'
import { hearSignals } from './stop-signals.ts'
import { writeRunningState } from './state-file.ts'
import { untilFired } from './until-fired.ts'
import { untilReady } from './until-ready.ts'

export interface UpOptions {
  print: (line: string) => void
  printError: (line: string) => void
}

/**
 * Runs the whole platform on this machine until Ctrl-C or SIGTERM: Redis and Postgres (unless REDIS_URL or DATABASE_URL name others), gateway, ops and a
 * worker for each tier, and shows that it works by a first job. A second Ctrl-C does not wait for running jobs.
 * @returns the exit code: 0 when it was asked to stop, 1 when it could not start or stay up
 */
export async function up({ print, printError }: UpOptions): Promise<number> {
  const stopping = new AbortController()
  const killing = new AbortController()
  const undo: Start['undo'] = []
  let trouble: string | undefined
  const giveUp = (message: string): void => {
    trouble ??= message
    stopping.abort()
  }
  const unhear = hearSignals({ stopping, killing, print })
  try {
    const { NOODLE_HOME } = readConfig(['NOODLE_HOME'])
    const home = homeFolder(NOODLE_HOME)
    mkdirSync(home, { recursive: true, mode: 0o700 })
    undo.push(claimFolder(home))
    const signals = { stopSignal: stopping.signal, killSignal: killing.signal }
    await startPlatform({ home, secrets: openHome(home), print, giveUp, undo, ...signals })
    await untilFired(stopping.signal)
  } catch (error) {
    // What fails because we are stopping is no trouble.
    if (!stopping.signal.aborted) giveUp(error instanceof Error ? error.message : String(error))
  }
  if (trouble) printError(trouble)
  for (const stop of undo.reverse()) await stop()
  unhear()
  if (trouble) return 1
  print('Stopped.')
  return 0
}

async function startPlatform(start: Start): Promise<void> {
  const { home, secrets, print, stopSignal } = start
  const { HOST: host, ...wanted } = readConfig(['PORT', 'GRPC_PORT', 'HOST'])
  const portWish = { host, isAskedFor: isSet }
  await chooseGatewayPorts(wanted, portWish) // so that a wish that can't be met is told before anything is started
  mkdirSync(join(home, 'logs'), { recursive: true, mode: 0o700 })

  const stores = await startStores(start)
  const databaseUrl = stores.DATABASE_URL ?? readConfig(['DATABASE_URL']).DATABASE_URL
  const redisUrl = stores.REDIS_URL ?? readConfig(['REDIS_URL']).REDIS_URL
  stopSignal.throwIfAborted()
  await migrate(databaseUrl)
  stopSignal.throwIfAborted()

  const ports = await chooseGatewayPorts(wanted, portWish)
  for (const line of tellOtherPorts(wanted, ports)) print(line)
  const url = gatewayUrl(host, ports.PORT)
  const password = isSet('ADMIN_PASSWORD')
    ? (readConfig(['ADMIN_PASSWORD']).ADMIN_PASSWORD ?? '')
    : secrets.adminPassword
  const credentials = { url, username: 'admin', password }
  writeCredentials(home, credentials)
  start.undo.push(writeRunningState(home, { pid: process.pid, databaseUrl, redisUrl, url }))

  print('Starting gateway, ops and workers.')
  await startProcesses(start, {
    ...stores,
    ...unlessSet('AUTH_JWT_SECRET', secrets.jwtSecret),
    ...unlessSet('SECRETS_KEY', secrets.secretsKey),
    ...unlessSet('BLOB_DIR', join(home, 'blobs')),
    PORT: String(ports.PORT),
    GRPC_PORT: String(ports.GRPC_PORT),
    ...unlessSet('GRPC_REFLECTION', 'true'),
    ADMIN_PASSWORD: password,
  })
  await untilReady(start, url)

  try {
    for (const line of await runFirstJob(credentials, checkout, stopSignal)) print(line)
  } catch (error) {
    if (stopSignal.aborted) throw error
    print(`The first job did not work out: ${error instanceof Error ? error.message : String(error)}`)
  }
  const grpcAddress = ports.GRPC_PORT === 0 ? undefined : gatewayAddress(host, ports.GRPC_PORT)
  for (const line of greeting({ url, grpcAddress, home })) print(line)
}
