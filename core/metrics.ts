import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

/** Every metric of the platform. Base units, bounded labels, never an id. */
export type Metrics = ReturnType<typeof makeMetrics>

const durationSeconds = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600,
]

/** One registry a process; a scraper reads each process by itself. */
export function makeMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  return {
    registry,
    httpRequests: new Histogram({
      name: 'noodle_http_request_duration_seconds',
      help: 'Time to answer a request, by route pattern and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: durationSeconds,
      registers,
    }),
    grpcCalls: new Histogram({
      name: 'noodle_grpc_call_duration_seconds',
      help: 'Time from a gRPC call to its status, by method and code; of a stream, how long it was open.',
      labelNames: ['method', 'code'],
      buckets: durationSeconds,
      registers,
    }),
    configInfo: new Gauge({
      name: 'noodle_config_info',
      help: 'Always 1; its label is the hash of the configuration that this process works with. Processes of a kind that are configured alike have the same.',
      labelNames: ['hash'],
      registers,
    }),
    configReloads: new Counter({
      name: 'noodle_config_reloads_total',
      help: 'Reloads (SIGHUP) by what came of them: applied, unchanged, refused (a restart is needed), or wrong (all stayed as it was).',
      labelNames: ['outcome'],
      registers,
    }),
    grpcStreamBytes: new Counter({
      name: 'noodle_grpc_stream_bytes_total',
      help: 'Bytes of messages in gRPC streams, by method and direction (in, out).',
      labelNames: ['method', 'direction'],
      registers,
    }),
    jobsAccepted: new Counter({
      name: 'noodle_jobs_accepted_total',
      help: 'Jobs that this gateway acknowledged.',
      labelNames: ['tier', 'task'],
      registers,
    }),
    jobsCached: new Counter({
      name: 'noodle_jobs_cached_total',
      help: 'Jobs that this gateway answered with the result of an earlier equal one (T14).',
      labelNames: ['task'],
      registers,
    }),
    jobsRefused: new Counter({
      name: 'noodle_jobs_refused_total',
      help: 'Jobs that this gateway refused, by the code of the reason.',
      labelNames: ['code'],
      registers,
    }),
    jobsDispatched: new Counter({
      name: 'noodle_jobs_dispatched_total',
      help: 'Jobs that entered the dispatch window (T2).',
      labelNames: ['tier'],
      registers,
    }),
    remoteNodes: new Gauge({
      name: 'noodle_remote_nodes',
      help: 'Nodes without access to the stores that are connected to this gateway.',
      registers,
    }),
    gatewayConnections: new Counter({
      name: 'noodle_gateway_connections_total',
      help: 'Times that a gateway has taken this node, which reaches no store itself.',
      registers,
    }),
    jobDuration: new Histogram({
      name: 'noodle_job_duration_seconds',
      help: 'Time that an attempt ran on this node, by how it ended.',
      labelNames: ['tier', 'task', 'outcome'],
      buckets: durationSeconds,
      registers,
    }),
    jobPickup: new Histogram({
      name: 'noodle_job_pickup_seconds',
      help: 'Time from when a job was due to its start on this node.',
      labelNames: ['tier'],
      buckets: durationSeconds,
      registers,
    }),
    jobsRunning: new Gauge({
      name: 'noodle_jobs_running',
      help: 'Jobs that run on this node now.',
      labelNames: ['tier'],
      registers,
    }),
    logBytes: new Counter({
      name: 'noodle_log_bytes_total',
      help: 'Text of job logs that this node kept.',
      registers,
    }),
    logBytesPruned: new Counter({
      name: 'noodle_log_bytes_pruned_total',
      help: 'Text of job logs removed after `LOG_RETENTION_DAYS`; what went with its job is not counted.',
      registers,
    }),
    logLinesLeftOut: new Counter({
      name: 'noodle_log_lines_left_out_total',
      help: 'Lines of job logs that were not kept: past the limit of their attempt, or faster than they could be stored.',
      labelNames: ['reason'],
      registers,
    }),
    blobRequests: new Histogram({
      name: 'noodle_blob_request_duration_seconds',
      help: 'Time that the blob store took to store, to begin to read, or to delete, by whether it could.',
      labelNames: ['operation', 'outcome'],
      buckets: durationSeconds,
      registers,
    }),
    claimsRefused: new Counter({
      name: 'noodle_claims_refused_total',
      help: 'Deliveries that turned out to be out of date when this node claimed them.',
      labelNames: ['tier'],
      registers,
    }),
    consumerRebuilds: new Counter({
      name: 'noodle_consumer_rebuilds_total',
      help: 'Times that this node opened its consumer of a tier anew because it took nothing though deliveries waited.',
      labelNames: ['tier'],
      registers,
    }),
    jobsReaped: new Counter({
      name: 'noodle_jobs_reaped_total',
      help: 'Jobs taken back from nodes whose lease ran out (T7).',
      registers,
    }),
    jobsExpired: new Counter({
      name: 'noodle_jobs_expired_total',
      help: 'Jobs not started by their expiresAt (T10).',
      registers,
    }),
    jobsPruned: new Counter({
      name: 'noodle_jobs_pruned_total',
      help: 'Ended jobs removed after the retention time.',
      registers,
    }),
    orphanBlobs: new Counter({
      name: 'noodle_orphan_blobs_total',
      help: 'Blobs removed from the blob store because their job is not there.',
      registers,
    }),
    redisLosses: new Counter({
      name: 'noodle_redis_losses_total',
      help: 'Times that Redis was found to have lost data or fallen back to an older state.',
      registers,
    }),
    orphanDeliveries: new Counter({
      name: 'noodle_orphan_deliveries_total',
      help: 'Deliveries removed from Redis because none of their jobs was queued any more.',
      labelNames: ['tier'],
      registers,
    }),
    cacheLookups: new Counter({
      name: 'noodle_cache_lookups_total',
      help: 'Lookups in the cache by kind (task: results, job, user) and by where the answer was: local, redis, or none (miss).',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    cacheLocalBytes: new Gauge({
      name: 'noodle_cache_local_bytes',
      help: "What the local level of this process' cache holds, as it is counted against CACHE_LOCAL_BYTES.",
      registers,
    }),
    storeCheck: new Gauge({
      name: 'noodle_store_check',
      help: 'Whether Redis and Postgres are as they must be, as ops last saw them: 1 for yes, 0 for no; a check that could not be made is missing.',
      labelNames: ['check'],
      registers,
    }),
    tierJobs: new Gauge({
      name: 'noodle_tier_jobs',
      help: 'Live jobs of a tier by state, as last counted by ops; of more than 100,000 that could run, an estimate.',
      labelNames: ['tier', 'state'],
      registers,
    }),
    tierOldestWait: new Gauge({
      name: 'noodle_tier_oldest_wait_seconds',
      help: 'How long the oldest due job of a tier has waited, as last measured by ops.',
      labelNames: ['tier'],
      registers,
    }),
    unofferedJobs: new Gauge({
      name: 'noodle_unoffered_jobs',
      help: 'Queued jobs of a tier whose task none of its ready nodes offers, or whose row is of a later version than any of them reads, as last counted by ops; they wait until one does.',
      labelNames: ['tier'],
      registers,
    }),
    canaryAge: new Gauge({
      name: 'noodle_canary_age_seconds',
      help: 'Time since the last canary that came through a tier was submitted, or since the oldest of its ready nodes came up; one is sent each 30 s. A tier without ready nodes has none.',
      labelNames: ['tier'],
      registers,
    }),
    nodes: new Gauge({
      name: 'noodle_nodes',
      help: 'Nodes of a tier by state (ready, starting, draining), as the leading ops process last saw them.',
      labelNames: ['tier', 'state'],
      registers,
    }),
    nodesDesired: new Gauge({
      name: 'noodle_nodes_desired',
      help: 'Nodes that a tier should have, as the leading ops process last decided.',
      labelNames: ['tier'],
      registers,
    }),
    nodesTarget: new Gauge({
      name: 'noodle_nodes_target',
      help: 'The same for whoever starts and stops nodes by it (an HPA): a tier in the mode dryRun has none, nor has any while nobody decides.',
      labelNames: ['tier'],
      registers,
    }),
    coldStart: new Gauge({
      name: 'noodle_cold_start_seconds',
      help: 'Time from when a node of the tier is asked for until it takes jobs: what nine of ten of the last did not exceed.',
      labelNames: ['tier'],
      registers,
    }),
    scalingDecisions: new Counter({
      name: 'noodle_scaling_decisions_total',
      help: 'Changes of how many nodes a tier should have, by direction: up or down.',
      labelNames: ['tier', 'direction'],
      registers,
    }),
    nodeStartFailures: new Counter({
      name: 'noodle_node_start_failures_total',
      help: 'Nodes that could not be asked for, did not come up, or were lost.',
      labelNames: ['tier'],
      registers,
    }),
    leads: new Gauge({
      name: 'noodle_leads',
      help: 'Whether this process does the duties that only one may do at a time: 1 for yes, 0 for no.',
      registers,
    }),
    ledgerGap: new Gauge({
      name: 'noodle_ledger_gap',
      help: 'Jobs that do not add up, as last counted by ops; 0 at rest. missing: accepted, but neither ended nor live. surplus: ended twice, or live after its end. undelivered: queued, but not to be found in BullMQ.',
      labelNames: ['kind'],
      registers,
    }),
  }
}
