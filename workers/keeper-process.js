// The process of keeper.ts: node keeper-process.js MARK MS GENERATION [ENGINE WORKER], MS and GENERATION as in `until`, WORKER as the labels of containers
// have it. JavaScript, so that it need not load what strips types: it starts sooner and is smaller.
import { writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { findMarked } from './executors/marked-processes.js'
import { machineMs } from './machine-clock.js'

/*
 * Lines on standard input; its end means that the worker is gone, and ends all that it started:
 *   until MS GENERATION   what was started in this generation may live until then, on the machine's clock
 *   over GENERATION       what was started in this generation or before ends now
 *   group ID GENERATION   a process group to end, should it have to
 *   gone ID               it has ended; its number may be another's by now
 *   containers            from now on there may be some; which, their labels tell, also those that an engine is just making
 */

const [, , mark = '', firstUntilMs, firstGeneration, engine = '', worker = ''] = process.argv

/** A machine that was asleep does not make timers due. */
const lookMs = 1000
/** What is killed may have started another process a moment ago. */
const lookAgainMs = 20
/** When the worker is gone. What can't be killed by then hangs in the kernel. */
const leaveDeadlineMs = 10_000
/** Between two looks for containers. One that was asked for before the end may only now come into being: none must be seen twice. */
const lookForContainersMs = 100
const looksWithoutContainers = 2

/** @type {Map<number, number>} */
const groups = new Map()
let generation = Number(firstGeneration)
let untilMs = Number(firstUntilMs)
/** Generations up to this one have to end. */
let overUpTo = -1
/** @type {NodeJS.Timeout | undefined} */
let timer
let rest = ''
/**
 * Loaded when it is needed: most workers have no containers.
 * @type {Promise<typeof import('./executors/labelled-containers.js')> | undefined}
 */
let containers
/** How often in a row no container was seen that has to end; undefined while nobody looks. */
/** @type {number | undefined} */
let looks

// Whoever stops a worker may tell all of its processes. This one ends last.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']) process.on(signal, () => undefined)

process.stdin
  .setEncoding('latin1')
  .on('data', (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) hear(line)
  })
  .on('error', leave)
  .on('end', leave)

look()

/** @param {string} line */
function hear(line) {
  const [word, ...numbers] = line.split(' ')
  const [first = 0, second = 0] = numbers.map(Number)
  switch (word) {
    case 'until':
      untilMs = first
      generation = second
      look()
      break
    case 'over':
      end(first)
      break
    case 'group':
      groups.set(first, second)
      break
    case 'gone':
      groups.delete(first)
      break
    case 'containers':
      containers ??= import('./executors/labelled-containers.js')
      break
  }
}

function look() {
  clearTimeout(timer)
  if (untilMs === Infinity) return
  const leftMs = untilMs - machineMs()
  // When this process was frozen too, a renewal may wait to be read: that comes first.
  if (leftMs <= 0) timer = setTimeout(() => setImmediate(judge), 0)
  else timer = setTimeout(look, Math.min(leftMs, lookMs))
}

function judge() {
  if (machineMs() < untilMs) return
  if (end(generation) > 0)
    say('A worker was silent until the lease of its node ran out: what it had started was killed.\n')
}

/**
 * Ends what was started up to a generation.
 * @param {number} upTo
 */
function end(upTo) {
  clearTimeout(timer)
  untilMs = Infinity
  overUpTo = Math.max(overUpTo, upTo)
  void endContainers()
  return killAll()
}

/** Asks the engine until nothing is left that has to end: it may be away for a moment, and what runs in it is no child of anybody here. */
async function endContainers() {
  if (!containers) return
  const isLooking = looks !== undefined
  looks = 0 // also who looks already has to look for more now
  if (isLooking) return
  const { containerLabels, findContainers, removeContainer } = await containers
  let removed = 0
  while (looks < looksWithoutContainers) {
    try {
      looks++
      const found = await findContainers(engine, `${containerLabels.worker}=${worker}`)
      const left = found.filter((container) => container.generation <= overUpTo)
      await Promise.all(left.map(({ id }) => removeContainer(engine, id)))
      removed += left.length
      if (left.length > 0) looks = 0
    } catch {
      looks = 0
    }
    await delay(lookForContainersMs)
  }
  looks = undefined
  if (removed > 0) say('Containers of a worker that was silent for too long, or is gone, were removed.\n')
}

function killAll() {
  let killed = 0
  for (const [id, born] of groups) {
    if (born > overUpTo) continue
    groups.delete(id)
    if (kill(-id)) killed++
  }
  const left = findMarked().filter((marked) => generationOf(marked.mark) <= overUpTo)
  for (const { pid } of left) if (kill(pid)) killed++
  if (left.length > 0) setTimeout(killAll, lookAgainMs)
  return killed
}

/** @param {string} of */
function generationOf(of) {
  return of.startsWith(`${mark}-`) ? Number(of.slice(mark.length + 1)) : Infinity
}

function leave() {
  setTimeout(() => process.exit(1), leaveDeadlineMs).unref()
  // Nothing else keeps this process: it ends when nothing is left to kill.
  end(Number.MAX_SAFE_INTEGER)
}

/** @param {number} target */
function kill(target) {
  try {
    process.kill(target, 'SIGKILL')
    return true
  } catch {
    return false // gone already
  }
}

/** @param {string} sentence */
function say(sentence) {
  try {
    writeSync(2, sentence)
  } catch {
    // nobody reads
  }
}
