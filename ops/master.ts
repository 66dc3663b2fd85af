import { join } from 'node:path'
import { orExit, readConfig } from '../core/config.ts'
import { makeLogger } from '../core/logger.ts'
import type { Kept } from './local/keep-running.ts'
import { type NodeProcess, startNodeProcess } from './local/node-process.ts'
import { keep, stop } from './local/start.ts'
import { hearSignals } from './local/stop-signals.ts'
import { untilFired } from './local/until-fired.ts'

/*
 * What a container with NODE_TYPE=master runs: a gateway and ops, each started again when it ends by itself. SIGTERM stops the gateway and then ops,
 * and this process exits 0; SIGHUP has them read their configuration anew; when one of them does not come up or does not stay up, it stops the other and exits 1, so that whoever started it sees it.
 */

/** Beyond what the gateway serves on after SIGTERM: streams and slow clients are cut off by then, and ops has no reason to wait. */
const listenerMarginMs = 6000
/** Beyond what a process allows itself (core/lifecycle.ts). */
const stopMarginMs = 17_000

const config = orExit(() => readConfig(['LOG_LEVEL', 'LOG_FORMAT', 'SHUTDOWN_DELAY_MS']))
const log = makeLogger({
  level: () => config.LOG_LEVEL,
  format: config.LOG_FORMAT,
  fields: { process: 'master' },
})
const stopping = new AbortController()
const killing = new AbortController()
let exitCode = 0
const giveUp = (reason: string): void => {
  if (stopping.signal.aborted) return // what fails because we are stopping is no trouble
  log.error('the master stops, for a part of it does not run', { reason })
  exitCode = 1
  stopping.abort()
}
const print = (what: string): void => log.warn('a part of the master came or went', { what })
hearSignals({
  stopping,
  killing,
  print: (what) => log.info('the master was asked to stop', { what }),
  endOfTerminal: reload,
})

const running = new Set<NodeProcess>()
let reloads = 0
const run = (name: string, main: string, allowedMs: number): Promise<Kept<NodeProcess>> =>
  keep({ print, giveUp, stopSignal: stopping.signal }, name, async (signal) => {
    const before = reloads
    const process = await startNodeProcess(
      {
        main: join(import.meta.dirname, '..', main),
        env: {},
        stopDeadlineMs: allowedMs + stopMarginMs,
        killSignal: killing.signal,
      },
      signal,
    )
    running.add(process)
    void process.ended.then(() => running.delete(process))
    // It may have read its configuration before it changed.
    if (reloads > before) process.reload()
    return process
  })

const ops = run('ops', 'ops/main.ts', 0)
const gateway = run('gateway', 'api/main.ts', config.SHUTDOWN_DELAY_MS)
for (const part of [ops, gateway])
  part.catch((error: unknown) => giveUp(error instanceof Error ? error.message : String(error)))

await untilFired(stopping.signal)
const gatewayStopped = stop(gateway)
await Promise.race([
  gatewayStopped,
  untilFired(AbortSignal.timeout(config.SHUTDOWN_DELAY_MS + listenerMarginMs)),
])
await Promise.all([gatewayStopped, stop(ops)])
log.info('process stopped')
process.exit(exitCode)

function reload(): void {
  reloads++
  for (const part of running) part.reload()
}
