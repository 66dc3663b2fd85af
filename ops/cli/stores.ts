import { readConfig, sourceOf } from '../../core/config.ts'
import { homeFolder } from '../local/home.ts'
import { readRunningState } from '../local/state-file.ts'
import { CliError } from './cli-error.ts'

/** Where the stores are: as DATABASE_URL and REDIS_URL say, else those of the platform that `up` runs here. */
export interface StoreUrls {
  databaseUrl: string | undefined
  redisUrl: string | undefined
}

export function findStores(): StoreUrls {
  const running = readRunningState(homeFolder(readConfig(['NOODLE_HOME']).NOODLE_HOME))
  const isSet = {
    database: sourceOf('DATABASE_URL') !== 'default',
    redis: sourceOf('REDIS_URL') !== 'default',
  }
  return {
    databaseUrl: isSet.database ? readConfig(['DATABASE_URL']).DATABASE_URL : running?.databaseUrl,
    redisUrl: isSet.redis ? readConfig(['REDIS_URL']).REDIS_URL : running?.redisUrl,
  }
}

/** True when the jobs that there are are those of the platform that `up` runs here. */
export const isHistoryLocal = (): boolean =>
  sourceOf('DATABASE_URL') === 'default' && findStores().databaseUrl !== undefined

/** @throws CliError when no database is known */
export function requireDatabaseUrl(): string {
  const { databaseUrl } = findStores()
  if (databaseUrl !== undefined) return databaseUrl
  throw new CliError('There is no database: set DATABASE_URL, or start the platform with npm start.')
}
