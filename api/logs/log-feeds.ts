import type { LogChunk, LogPosition } from '../../queue/domain/log-line.ts'
import { comparePositions, endOf, positionText } from '../../queue/domain/log-line.ts'
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
  /** What was read last of what is kept, by where it begins: who falls behind is seldom alone. */
  pages: Map<string, Promise<FeedPiece[]>>
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

/** Of the newest lines of a job, as they are sent: some seconds of a busy one. Who falls further behind reads what is kept. */
const feedBytes = 8_388_608
/** The same for all feeds; past it each keeps as much as it needs to hand the newest on. */
const allFeedsBytes = 67_108_864
/** Readings of what is kept that go on at once; the others wait. Each takes a few MiB. */
const readsAtOnce = 4
/** Pages of a log, of a MiB or so, that are kept for others who are as far behind. */
const pagesAtHand = 8
/** Pieces that are handed on in one turn of the event loop, so that other requests are served between. */
const piecesInTurn = 10
/** How long the begin of a feed may take; Redis may be away. */
const readyMs = 1000
/** Proxies close a connection that is silent for a minute or so. */
const heartbeatMs = 15_000

type FeedDeps = Pick<QueueDeps, 'jobs' | 'keptLogs' | 'liveLogs' | 'log'>

/** `format`: a chunk as it is sent. */
export function makeLogFeeds(
  deps: FeedDeps,
  options: {
    watch: Pick<JobWatch, 'onChange'>
    format: (chunk: LogChunk) => Buffer
  },
): LogFeeds {
  const { watch, format } = options
  const feeds = new Map<string, Feed>()
  let allBytes = 0
  const read = atOnce(readsAtOnce, (jobId: string, after: LogPosition, attempt: number | null = null) =>
    readLogs(deps, jobId, after, attempt),
  )
  const turn = makeTurns(piecesInTurn)

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
      pages: new Map(),
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
        forgetPieces(feed)
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
    allBytes += piece.text.length
    while ((feed.bytes > feedBytes || allBytes > allFeedsBytes) && feed.pieces.length > 1) {
      const length = feed.pieces.shift()?.text.length ?? 0
      feed.bytes -= length
      allBytes -= length
    }
    wake(feed)
  }

  /** Called when the job may have changed, and each second. What was not heard, as Redis is away or a message was lost, is found so. */
  async function look(jobId: string, feed: Feed): Promise<void> {
    try {
      feed.hasEnded ||= (await deps.jobs.findEnded([jobId])).length > 0
      if (feed.isQuiet && (await read(jobId, feed.reached)).length > 0) forgetPieces(feed)
      if (feed.hasEnded || feed.pieces.length === 0) wake(feed)
      feed.isQuiet = true
    } catch (error) {
      deps.log.debug('a followed log was not looked at', { jobId, error })
    }
  }

  function forgetPieces(feed: Feed): void {
    allBytes -= feed.bytes
    feed.pieces = []
    feed.bytes = 0
  }

  async function readPage(
    jobId: string,
    feed: Feed,
    after: LogPosition,
    attempt: number | null,
  ): Promise<FeedPiece[]> {
    const key = `${positionText(after)} ${String(attempt)}`
    const known = feed.pages.get(key)
    if (known) return known
    const page = read(jobId, after, attempt).then((chunks) => chunks.map(toPiece))
    feed.pages.set(key, page)
    const [oldest] = feed.pages.keys()
    if (feed.pages.size > pagesAtHand && oldest !== undefined) feed.pages.delete(oldest)
    // A log only grows: what was read once holds, but for an end.
    const forget = (): boolean => feed.pages.delete(key)
    page.then((pieces) => pieces.length > 0 || forget(), forget)
    return page
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
      const isOver = (): boolean => gone.aborted
      try {
        await feed.ready
        while (!isOver()) {
          const { version, hasEnded } = feed
          const heard = next(feed, at)
          if (heard !== 'unknown' && heard.length > 0) {
            for (const piece of heard) {
              await turn()
              if (isOver()) return
              if (isWanted(piece)) yield piece
              reach(piece.end)
            }
            continue
          }
          if (heard === 'unknown' || hasEnded) {
            const pieces = await readPage(jobId, feed, at, attempt)
            for (const piece of pieces) {
              await turn()
              if (isOver()) return
              yield piece
              reach(piece.end)
            }
            if (pieces.length > 0) continue
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

function wake(feed: Feed): void {
  feed.version++
  const waiters = [...feed.waiters]
  feed.waiters.clear()
  for (const waiter of waiters) waiter()
}

/** Lets `most` pass in a turn of the event loop; the others have the next ones, in order. */
function makeTurns(most: number): () => Promise<void> | undefined {
  let passed = 0
  const waiting: (() => void)[] = []

  function nextTurn(): void {
    const due = waiting.splice(0, most)
    passed = due.length
    for (const pass of due) pass()
    if (passed > 0) setImmediate(nextTurn)
  }

  return () => {
    if (passed === 0) setImmediate(nextTurn)
    if (passed < most) {
      passed++
      return undefined
    }
    return new Promise((resolve) => waiting.push(resolve))
  }
}

/** Does so many at once; the others wait. */
function atOnce<Args extends unknown[], Result>(
  most: number,
  act: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  let acting = 0
  const waiting: (() => void)[] = []
  return async (...args) => {
    if (acting < most) acting++
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await act(...args)
    } finally {
      const next = waiting.shift()
      if (next) next()
      else acting--
    }
  }
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
