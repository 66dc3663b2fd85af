import { ConfigError } from '../../core/config.ts'
import type { Component } from '../../core/lifecycle.ts'
import type { LiveConfig } from '../../core/live-config.ts'
import { differingOptions } from '../../core/shown-config.ts'
import { version } from '../../core/version.ts'
import type { AppliedConfig } from '../store/config-history-table.ts'
import type { QueueDeps } from './queue-deps.ts'

export interface ConfigKeeper extends Component {
  /** What SIGHUP does. Never rejects: a wrong file is logged, and all stays as it was. */
  reload(): Promise<void>
}

/** Tells which configuration a process has (log, metric, history), and takes over what changes while it runs. */
export function makeConfigKeeper(
  deps: Pick<QueueDeps, 'metrics' | 'log'> & {
    configHistory: Pick<QueueDeps['configHistory'], 'append' | 'findLatest'>
  },
  options: {
    config: LiveConfig
    /** The kind of process, and which one, as AppliedConfig has them. */
    process: string
    instance: string
  },
): ConfigKeeper {
  const { configHistory, metrics, log } = deps
  const { config } = options

  async function record(reason: AppliedConfig['reason']): Promise<void> {
    const hash = config.hash()
    metrics.configInfo.reset()
    metrics.configInfo.set({ hash }, 1)
    try {
      const [before] = await configHistory.findLatest(options.process)
      const settings = config.shown()
      const changed = before ? differingOptions(before.settings, settings) : []
      const { process, instance } = options
      const environment = config.environment ?? null
      await configHistory.append({ process, instance, version, environment, hash, reason, changed }, settings)
      log.info('configuration applied', { hash, environment, reason, changed })
    } catch (error) {
      // The process works without its entry; it must not stand still for it.
      log.warn('the applied configuration could not be recorded', { hash, reason, error })
    }
  }

  return {
    name: 'configuration',
    start: () => record('start'),
    stop: () => Promise.resolve(),
    async reload() {
      try {
        const { changed, restartNeeded } = config.reload()
        for (const name of restartNeeded)
          log.warn('option not taken over while running, restart to apply it', { option: name })
        metrics.configReloads.inc({
          outcome: changed.length > 0 ? 'applied' : restartNeeded.length > 0 ? 'refused' : 'unchanged',
        })
        if (changed.length > 0) await record('reload')
        else log.info('configuration read again, nothing to take over', { hash: config.hash() })
      } catch (error) {
        metrics.configReloads.inc({ outcome: 'wrong' })
        log.error('configuration is wrong, the one before stays', {
          problems: error instanceof ConfigError ? error.problems : undefined,
          error,
        })
      }
    },
  }
}
