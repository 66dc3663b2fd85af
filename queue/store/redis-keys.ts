import { type CacheEntry, cacheName } from '../domain/cache-name.ts'

/*
 * Every Redis key and channel of the platform. The braces keep what one command touches in one slot of a Redis Cluster.
 */

/** Prefix of BullMQ's keys of a tier; each tier is a slot of its own. Written by dispatcher and workers, see BullMQ's own layout. */
export const bullPrefix = (tier: string): string => `{noodle-${tier}}`

/** string, a count; TTL: the rest of the window. Written and read by gateways. */
export const rateKey = (name: string): string => `{noodle-rate}:${name}`

/** hash, task to ms that its jobs hold a slot; TTL: a minute. Workers of the tier to dispatchers. */
export const profileKey = (tier: string): string => `{noodle-profile}:${tier}`

/** string, a count; no TTL: it must be there unless Redis lost data. Written and read by ops each second. */
export const counterKey = 'noodle:count'

/** channel; empty: there is something to dispatch. Gateways, workers and reapers to dispatchers. */
export const submittedChannel = 'noodle:submitted'

/** channel; a comma-separated list of ids of jobs whose state changed. Everybody to gateways. */
export const changedChannel = 'noodle:changed'

/** channel; the id of a job that the node shall look at, for its cancel flag was set. Gateways to one node. */
export const cancelChannel = (nodeId: string): string => `noodle:cancel:${nodeId}`

/** stream, chunks of a job's log that are not in Postgres yet, as `c`; an entry's id is the attempt and number of its last line; TTL: a day. The job's worker to gateways and ops. */
export const logKey = (jobId: string): string => `{noodle-log:${jobId}}`

/** channel; each chunk that goes into the stream. The job's worker to gateways where somebody follows. */
export const logChannel = (jobId: string): string => `noodle:log:${jobId}`

/** set, the ids of jobs that may have such a stream; no TTL. Workers to ops, who clear away what dead workers left. */
export const openLogsKey = 'noodle:open-logs'

/** channel; a pattern of names: what it matches left the cache. Who cleared to all processes with a local level. */
export const clearedChannel = 'noodle:cleared'

/**
 * string, JSON; TTL: what its kind may be old, at most CACHE_REDIS_SECONDS. In the cache Redis. Gateways (jobs, users) and workers (results) to gateways. Name, tenant
 * and detail are escaped, so no part of a key can pass for another.
 */
export const cacheKey = (entry: CacheEntry): string =>
  `${cachePrefix}${[cacheName(entry), entry.tenant, entry.detail].map(escapePart).join(':')}`

const cachePrefix = 'noodle-cache:'

/** Keeps letters, digits, dots, dashes and underscores. */
const escapePart = (text: string): string =>
  /^[\w.-]*$/.test(text)
    ? text
    : encodeURIComponent(text.toWellFormed()).replace(
        /[!'()*~]/g,
        (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
      )

/** The name that a key of the cache was made of, as it stands there: names that are valid have nothing to escape. */
export const nameInCacheKey = (key: string): string => key.slice(cachePrefix.length).split(':', 1)[0] ?? ''

/** For SCAN: the keys of names that begin so. What is a sign of Redis' patterns is taken as it is. */
export const cacheKeysBeginning = (prefix: string): string =>
  `${`${cachePrefix}${prefix}`.replace(/[*?[\]^\\]/g, '\\$&')}*`
