import type { LogChunk, LogPosition } from '../../queue/domain/log-line.ts'
import { comparePositions, endOf } from '../../queue/domain/log-line.ts'
import type { JobWatch } from '../../queue/use-cases/job-watch.ts'
import type { QueueDeps } from '../../queue/use-cases/queue-deps.ts'
import { readLogs } from '../../queue/use-cases/read-logs.ts'

/** Lines in the shape in which all followers are sent them, made once. */
export interface FeedPiece {
  attempt: number
  firstSeq: number
  end: LogPosition
  text: Buffer
}

/** The logs that somebody follows here. */
export interface LogFeeds {
  /** Pieces from the line after `after` on, in order, until the job has ended; `null` when there was nothing for 15 s. */
  follow(
    jobId: string,
    options: { after: LogPosition; attempt: number | null; gone: AbortSignal },
  ): AsyncGenerator<FeedPiece | null>
}

/**
 * The newest lines of a job, heard once for all who follow it. A follower takes them at its own pace; one that is further behind than `pieces` reach reads
 * the log from where it is kept, page by page, so that no follower costs memory.
 */
interface Feed {
  /** Without gaps. */
  pieces: FeedPiece[]
  bytes: number
  /** Counts what was heard. */
  version: number
  hasEnded: boolean
  isQuiet: boolean
  /** The furthest that a follower has come. */
  reached: LogPosition
  ready: Promise<unknown>
  waiters: Set<() => void>
  followers: number
  close: () => void
}

/** Of the newest lines, as they are sent. */
const feedBytes = 1_048_576
/** How long the begin of a feed may take; Redis may be away. */
const readyMs = 1000
/** Proxies close a connection that is silent for a minute or so. */
const heartbeatMs = 15_000
/** Followers that are woken in one turn, so that other requests are served between. */
const wakeAtOnce = 10

type FeedDeps = Pick<QueueDeps, 'jobs' | 'keptLogs' | 'liveLogs' | 'log'>

/** `format`: a chunk as it is sent. */
export function makeLogFeeds(
  deps: FeedDeps,
  options: {
    watch: Pick<JobWatch, 'onChange'>
    isStopping: () => boolean
    format: (chunk: LogChunk) => Buffer
  },
): LogFeeds {
  const { watch, isStopping, format } = options
  const feeds = new Map<string, Feed>()

  function open(jobId: string): Feed {
    const known = feeds.get(jobId)
    if (known) {
      known.followers++
      return known
    }
    const live = deps.liveLogs.hear(jobId, (chunk) => hear(feed, chunk))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, readyMs)))
    const forget = watch.onChange(jobId, () => {
      void look(jobId, feed)
    })
    const feed: Feed = {
      pieces: [],
      bytes: 0,
      version: 0,
      hasEnded: false,
      isQuiet: false,
      reached: { attempt: 0, seq: 0 },
      ready: Promise.race([live.heard, late])
        .finally(() => {
          clearTimeout(timer)
        })
        .then(() => look(jobId, feed)),
      waiters: new Set(),
      followers: 1,
      close() {
        feeds.delete(jobId)
        live.stop()
        forget()
      },
    }
    feeds.set(jobId, feed)
    return feed
  }

  function hear(feed: Feed, chunk: LogChunk): void {
    feed.isQuiet = false
    const last = feed.pieces.at(-1)
    const follows = last?.attempt === chunk.attempt && last.end.seq + 1 === chunk.firstSeq
    if (last && !follows) {
      if (comparePositions(endOf(chunk), last.end) <= 0) return
      forgetPieces(feed) // what is between was not heard: it is read
    }
    const piece = toPiece(chunk)
    feed.pieces.push(piece)
    feed.bytes += piece.text.length
    while (feed.bytes > feedBytes && feed.pieces.length > 1)
      feed.bytes -= feed.pieces.shift()?.text.length ?? 0
    wake(feed)
  }

  /** Called when the job may have changed, and each second. What was not heard, as Redis is away or a message was lost, is found so. */
  async function look(jobId: string, feed: Feed): Promise<void> {
    try {
      feed.hasEnded ||= (await deps.jobs.findEnded([jobId])).length > 0
      if (feed.isQuiet && (await readLogs(deps, jobId, feed.reached)).length > 0) forgetPieces(feed)
      if (feed.hasEnded || feed.pieces.length === 0 || isStopping()) wake(feed)
      feed.isQuiet = true
    } catch (error) {
      deps.log.debug('a followed log was not looked at', { jobId, error })
    }
  }

  const toPiece = (chunk: LogChunk): FeedPiece => ({
    attempt: chunk.attempt,
    firstSeq: chunk.firstSeq,
    end: endOf(chunk),
    text: format(chunk),
  })

  return {
    async *follow(jobId, { after, attempt, gone }) {
      const feed = open(jobId)
      let at = after
      const reach = (end: LogPosition): void => {
        at = end
        if (comparePositions(end, feed.reached) > 0) feed.reached = end
      }
      const isWanted = (piece: FeedPiece): boolean => attempt === null || piece.attempt === attempt
      const isOver = (): boolean => gone.aborted || isStopping()
      try {
        await feed.ready
        while (!isOver()) {
          const { version, hasEnded } = feed
          const heard = next(feed, at)
          if (heard !== 'unknown' && heard.length > 0) {
            for (const piece of heard) {
              if (isOver()) return
              if (isWanted(piece)) yield piece
              reach(piece.end)
            }
            continue
          }
          if (heard === 'unknown' || hasEnded) {
            const chunks = await readLogs(deps, jobId, at, attempt)
            for (const chunk of chunks) {
              if (isOver()) return
              yield toPiece(chunk)
              reach(endOf(chunk))
            }
            if (chunks.length > 0) continue
            if (hasEnded) return
          }
          if (feed.version === version && !(await woken(feed, gone))) yield null
        }
      } finally {
        if (--feed.followers === 0) feed.close()
      }
    },
  }
}

/** What was heard after a position; unknown when that is further back than was heard, or within a piece. */
function next(feed: Feed, at: LogPosition): FeedPiece[] | 'unknown' {
  const last = feed.pieces.at(-1)
  if (!last) return 'unknown'
  if (comparePositions(at, last.end) >= 0) return []
  const i = feed.pieces.findLastIndex(
    (piece) => piece.attempt === at.attempt && piece.firstSeq === at.seq + 1,
  )
  return i < 0 ? 'unknown' : feed.pieces.slice(i)
}

function forgetPieces(feed: Feed): void {
  feed.pieces = []
  feed.bytes = 0
}

function wake(feed: Feed): void {
  feed.version++
  const waiters = [...feed.waiters]
  feed.waiters.clear()
  const wakeSome = (): void => {
    for (const waiter of waiters.splice(0, wakeAtOnce)) waiter()
    if (waiters.length > 0) setImmediate(wakeSome)
  }
  wakeSome()
}

/** False after 15 s without a word. */
async function woken(feed: Feed, gone: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isWoken: boolean) => () => {
      clearTimeout(timer)
      feed.waiters.delete(onWake)
      gone.removeEventListener('abort', onWake)
      resolve(isWoken)
    }
    const onWake = settle(true)
    const timer = setTimeout(settle(false), heartbeatMs)
    feed.waiters.add(onWake)
    gone.addEventListener('abort', onWake)
  })
}
