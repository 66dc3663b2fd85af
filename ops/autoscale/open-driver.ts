import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../core/config.ts'
import type { Logger } from '../../core/logger.ts'
import { homeFolder } from '../local/home.ts'
import { makeDockerDriver } from './drivers/docker-driver.ts'
import { makeKubernetesDriver } from './drivers/kubernetes-driver.ts'
import type { NodeDriver } from './drivers/node-driver.ts'
import { makeProcessDriver } from './drivers/process-driver.ts'

export const driverOptions = [
  'SCALING_DRIVER',
  'SCALING_DOCKER_ENGINE',
  'SCALING_DOCKER_PROJECT',
  'TIERS',
  'NOODLE_HOME',
  'DRAIN_DEADLINE_MS',
  'KUBECONFIG',
] as const

/** Beyond what a worker allows itself (core/lifecycle.ts). */
const stopMarginMs = 17_000

/** How long closing the driver may take: its nodes end in order with it. */
export const closeDeadlineMs = (config: Pick<Config, (typeof driverOptions)[number]>): number =>
  config.SCALING_DRIVER === 'process' ? config.DRAIN_DEADLINE_MS + stopMarginMs : 0

/** The driver that is configured; null for none. @throws ConfigError */
export async function openDriver(
  config: Pick<Config, (typeof driverOptions)[number]>,
  log: Logger,
): Promise<NodeDriver | null> {
  switch (config.SCALING_DRIVER) {
    case 'none':
    case 'external':
      return null
    case 'process': {
      const logFolder = join(homeFolder(config.NOODLE_HOME), 'logs')
      mkdirSync(logFolder, { recursive: true, mode: 0o700 })
      return makeProcessDriver({
        tiers: config.TIERS,
        main: join(import.meta.dirname, '../../workers/main.ts'),
        logFolder,
        env: {},
        stopDeadlineMs: config.DRAIN_DEADLINE_MS + stopMarginMs,
        log,
      })
    }
    case 'docker':
      return makeDockerDriver({
        address: config.SCALING_DOCKER_ENGINE,
        project: config.SCALING_DOCKER_PROJECT,
        stopDeadlineMs: config.DRAIN_DEADLINE_MS + stopMarginMs,
        log,
      })
    case 'kubernetes': {
      // Its client takes half a second and 90 MB.
      const { findCluster } = await import('./drivers/kubernetes/find-cluster.ts')
      const { openKubernetesApi } = await import('./drivers/kubernetes/kubernetes-api.ts')
      const { kubeConfig, namespace } = findCluster(config.KUBECONFIG)
      const api = openKubernetesApi(kubeConfig, namespace, log)
      return makeKubernetesDriver({ tiers: config.TIERS, api })
    }
  }
}
