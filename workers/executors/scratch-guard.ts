import { chmodSync, type Dir, lstatSync, opendirSync, readdirSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'

/** What a run may have in its folders, of scratch and of artifacts; 0 for no such limit. */
export interface ScratchLimits {
  /** As the disk counts them: a sparse file is as large as what was written to it. */
  bytes: number
  /** Files and folders. */
  files: number
}

/** Looks at the folders of runs, for no file system that an ordinary user can have is bounded. */
export interface ScratchGuard {
  /**
   * Looks at the folders of a run until called back. `pids`: the processes of the run, for what they have deleted and still hold open. `onExceeded` is called once,
   * with what there is too much of.
   */
  watch(
    folders: readonly string[],
    pids: () => readonly number[],
    onExceeded: (what: string) => void,
  ): () => void
}

/** More than programs write on most machines: by that, how soon a limit could be reached. */
const bytesPerMs = 1_000_000
const filesPerMs = 100

const soonestLookMs = 50
const latestLookMs = 2000
/** After a look none is for this many times as long, so that all runs together cost at most a fifth of a core. */
const restFactor = 4
/** Between two turns of the event loop; about a millisecond. */
const entriesPerTurn = 100
/** Open files that are looked at for those that are deleted, of all processes of a run. */
const mostOpenFiles = 10_000
const blockBytes = 512

/** What was found, as far as was looked: to the first limit. */
interface Found {
  bytes: number
  files: number
  /** Where nothing can be found. */
  isHidden: boolean
}

export function makeScratchGuard({ bytes, files }: ScratchLimits): ScratchGuard {
  const limits = { bytes: bytes || Infinity, files: files || Infinity }
  /** One look at a time. */
  let looks: Promise<unknown> = Promise.resolve()
  let restUntilMs = 0

  function whatExceeds(found: Found): string | null {
    if (found.isHidden) return 'folders that can not be looked into'
    if (found.bytes > limits.bytes)
      return `more than the ${String(bytes)} bytes of SCRATCH_LIMIT_BYTES in its folders`
    if (found.files > limits.files)
      return `more than the ${String(files)} files of SCRATCH_LIMIT_FILES in its folders`
    return null
  }

  return {
    watch(folders, pids, onExceeded) {
      if (limits.bytes === Infinity && limits.files === Infinity) return () => undefined
      let isOver = false
      let timer: NodeJS.Timeout

      const hasEnded = (): boolean => isOver

      function lookLater(found: Found): void {
        const roomMs = Math.min(
          (limits.bytes - found.bytes) / bytesPerMs,
          (limits.files - found.files) / filesPerMs,
        )
        const waitMs = Math.max(
          soonestLookMs,
          restUntilMs - performance.now(),
          Math.min(roomMs, latestLookMs),
        )
        timer = setTimeout(() => {
          looks = looks.then(look)
        }, waitMs).unref()
      }

      async function look(): Promise<void> {
        if (hasEnded()) return
        const startedMs = performance.now()
        const found = await measure(folders, pids, limits, hasEnded)
        restUntilMs = performance.now() + (performance.now() - startedMs) * restFactor
        if (hasEnded()) return
        const what = whatExceeds(found)
        if (what === null) lookLater(found)
        else onExceeded(what)
      }

      lookLater({ bytes: 0, files: 0, isHidden: false })
      return () => {
        isOver = true
        clearTimeout(timer)
      }
    },
  }
}

/** Stops at the first limit that is exceeded. */
async function measure(
  roots: readonly string[],
  pids: () => readonly number[],
  limits: ScratchLimits,
  isOver: () => boolean,
): Promise<Found> {
  const found: Found = { bytes: 0, files: 0, isHidden: false }
  /** Files with several names, each counted once. */
  const seen = new Set<number>()
  const isEnough = (): boolean =>
    isOver() || found.isHidden || found.bytes > limits.bytes || found.files > limits.files
  let looked = 0

  const folders = [...roots]
  for (let path = folders.pop(); path !== undefined && !isEnough(); path = folders.pop()) {
    const entries = open(path)
    if (entries === 'gone') continue
    if (entries === 'hidden') {
      found.isHidden = true
      break
    }
    try {
      for (let entry = entries.readSync(); entry !== null && !isEnough(); entry = entries.readSync()) {
        const child = join(path, entry.name)
        found.files++
        if (entry.isDirectory()) folders.push(child)
        addSize(lstatSync(child, { throwIfNoEntry: false }))
        if (++looked % entriesPerTurn === 0) await turn()
      }
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') found.isHidden = true
    } finally {
      entries.closeSync()
    }
  }
  if (!isEnough()) addDeleted()
  return found

  function addSize(stat: Stats | undefined): void {
    if (!stat || seen.has(stat.ino)) return
    if (stat.nlink > 1 && !stat.isDirectory()) seen.add(stat.ino)
    found.bytes += stat.blocks * blockBytes
  }

  /** What is deleted takes room for as long as somebody has it open. */
  function addDeleted(): void {
    const device = tryStat(roots[0] ?? '')?.dev
    let left = mostOpenFiles
    for (const pid of pids())
      for (const file of list(`/proc/${String(pid)}/fd`).slice(0, Math.max(0, left))) {
        left--
        const stat = tryStat(`/proc/${String(pid)}/fd/${file}`)
        if (stat?.nlink !== 0 || stat.dev !== device || !stat.isFile() || seen.has(stat.ino)) continue
        found.files++
        addSize(stat)
        seen.add(stat.ino)
      }
  }
}

/** A folder that its owner has closed is opened again: who may not look can't count. */
function open(path: string): Dir | 'gone' | 'hidden' {
  for (const isClosed of [false, true]) {
    try {
      if (isClosed) chmodSync(path, 0o700)
      return opendirSync(path)
    } catch (error) {
      const code = codeOf(error)
      if (code === 'ENOENT' || code === 'ENOTDIR') return 'gone'
      if (code !== 'EACCES') return 'hidden' // ENAMETOOLONG: folders within folders, deeper than a path can say
    }
  }
  return 'hidden'
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function tryStat(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

/** Whatever realm the error is of: where tests have contexts of their own, the file system's are no instances of their Error. */
const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
