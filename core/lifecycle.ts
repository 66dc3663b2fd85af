import type { Logger } from './logger.ts'

/** Whatever runs on its own. */
export interface Component {
  readonly name: string
  /** Resolves when it works. */
  start(): Promise<void>
  /** Resolves when it is quiet. Twice is harmless. */
  stop(): Promise<void>
}

/** Starts components in order. When one fails, those before it are stopped in reverse and the error goes on. */
export async function startAll(components: readonly Component[], log: Logger): Promise<void> {
  const started: Component[] = []
  for (const component of components) {
    try {
      await component.start()
      started.push(component)
    } catch (error) {
      await stopAll(started, log)
      throw error
    }
  }
}

/** Stops components in reverse order. One that fails is logged and does not keep the others from stopping. */
export async function stopAll(components: readonly Component[], log: Logger): Promise<void> {
  for (const component of components.toReversed()) {
    try {
      await component.stop()
    } catch (error) {
      log.error('component did not stop cleanly', { component: component.name, error })
    }
  }
}

/**
 * The life of a process: starts its components in order, waits for SIGTERM, SIGINT or the death of the parent that holds an IPC channel to it,
 * stops them in reverse and exits: 0 when asked to stop, 1 when it could not start, broke, or did not stop within the deadline.
 * A second signal exits at once. SIGHUP calls `reload`.
 */
export async function runProcess(options: {
  log: Logger
  components: readonly Component[]
  stopDeadlineMs: number
  /** Never rejects. */
  reload: () => Promise<void>
}): Promise<void> {
  const { log, components, stopDeadlineMs, reload } = options
  let stopping: string | undefined
  let started: Promise<void> = Promise.resolve()

  const stop = (reason: string, exitCode: number): void => {
    if (stopping) {
      if (reason.startsWith('SIG')) process.exit(1)
      return
    }
    stopping = reason
    log.info('process stops', { reason })
    setTimeout(() => {
      log.error('process did not stop in time and is ended', { stopDeadlineMs })
      process.exit(1)
    }, stopDeadlineMs).unref()
    void started
      .catch(() => undefined)
      .then(() => stopAll(components, log))
      .then(() => {
        log.info('process stopped', { reason })
        process.exit(exitCode)
      })
  }
  const breakDown = (error: unknown): void => {
    log.error('process broke', { error })
    stop('error', 1)
  }

  process.on('SIGTERM', () => stop('SIGTERM', 0))
  process.on('SIGINT', () => stop('SIGINT', 0))
  process.on('SIGHUP', () => void reload())
  process.on('disconnect', () => stop('the parent process is gone', 0))
  process.on('uncaughtException', breakDown)
  process.on('unhandledRejection', breakDown)

  // It went while this process was opening what it needs, when nobody here could hear of it.
  if (process.send !== undefined && !process.connected) {
    log.info('process stops', { reason: 'the parent process is gone' })
    process.exit(0)
  }
  started = startAll(components, log)
  try {
    await started
  } catch (error) {
    if (stopping) return
    log.error('process could not start', { error })
    process.exit(1)
  }
  if (!stopping) process.send?.({ ready: true })
}
