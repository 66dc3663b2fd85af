import { type ContainerPayload, containerPayload, containerTask } from '../../queue/domain/container-task.ts'
import type { Json } from '../../queue/domain/job.ts'
import type { TaskOffer } from '../../queue/domain/node.ts'
import { toOffer } from '../../queue/use-cases/catalogue.ts'
import { PermanentFailure, type Task, type TaskContext } from '../task.ts'
import type { AllowedImages } from './allowed-images.ts'
import type { ContainerEnd, Containers } from './containers.ts'
import { makeOutputTail } from './output-tail.ts'
import { stderrTailBytes } from './process-task.ts'
import { readPayload } from './read-payload.ts'
import { endFailure } from './start-program.ts'

export interface ContainerOptions {
  containers: Containers
  images: AllowedImages
  /** Networks that a payload may name, besides `none`. */
  networks: readonly string[]
  /** How much of the end of stdout and of stderr is kept. */
  outputBytes: number
}

/** Runs a container of an image that the node allows: the task `container`. When the run ends, for whatever reason, the container is gone. */
export function makeContainerTask({ containers, images, networks, outputBytes }: ContainerOptions): Task {
  return {
    offer: toOffer(containerTask),
    async run(context) {
      const payload = readPayload('container', containerPayload, context.job.payload)
      const { image, network = 'none' } = payload
      if (!images.has(image))
        throw new PermanentFailure(
          'IMAGE_NOT_ALLOWED',
          `The image ${image} is not on this node's list TASK_CONTAINER_IMAGES; allowed are ${images.entries.join(', ')}.`,
        )
      if (network !== 'none' && !networks.includes(network))
        throw new PermanentFailure(
          'NETWORK_NOT_ALLOWED',
          `The network ${network} is not on this node's list TASK_CONTAINER_NETWORKS; allowed are ${['none', ...networks].join(', ')}.`,
        )
      const { end, stdout, stderr } = await runToEnd(containers, payload, context, outputBytes)
      return {
        exitCode: 0,
        stdout: stdout.text(),
        stderr: stderr.text(),
        truncated: stdout.isTruncated() || stderr.isTruncated(),
        imageId: end.imageId,
      }
    },
  }
}

/**
 * A task of a manifest whose runs are containers: the payload comes to stdin as a line of JSON, and its secrets, if there are some, as another; the last
 * line of stdout is the result, as JSON. What the manifest names needs no list: who writes it decides what runs here anyway.
 */
export function makeContainerTaskOf(
  offer: TaskOffer,
  container: Omit<ContainerPayload, 'stdin'>,
  { containers, resultBytes }: { containers: Containers; resultBytes: number },
): Task {
  return {
    offer,
    async run(context) {
      const lines = [context.job.payload, ...(offer.secrets ? [context.secrets] : [])]
      const start = { ...container, stdin: lines.map((line) => `${JSON.stringify(line)}\n`).join('') }
      const { stdout } = await runToEnd(containers, start, context, resultBytes + 1) // and its line end
      const text = stdout.text().trimEnd()
      const line = text.slice(text.lastIndexOf('\n') + 1)
      if (line === text && stdout.isTruncated())
        throw new PermanentFailure(
          'RESULT_TOO_LARGE',
          `The last line of stdout is longer than the ${String(resultBytes)} bytes of RESULT_LIMIT_BYTES.`,
        )
      return resultOf(offer.name, line)
    },
  }
}

/** An empty output is null. */
function resultOf(name: string, line: string): Json {
  if (line === '') return null
  try {
    return JSON.parse(line) as Json
  } catch (error) {
    throw new PermanentFailure(
      'RESULT_INVALID',
      `The last line that the container of the task ${name} wrote to stdout is its result, and must be JSON. What is for people goes to stderr, or before it.`,
      error,
    )
  }
}

/** @throws TaskFailure when its exit code is not 0 */
async function runToEnd(
  containers: Containers,
  payload: ContainerPayload,
  context: TaskContext,
  stdoutBytes: number,
) {
  const { log } = context
  const stdout = makeOutputTail(stdoutBytes)
  const stderr = makeOutputTail(Math.max(stderrTailBytes, stdoutBytes))
  const end = await containers.run({
    ...payload,
    context,
    onStdout(piece) {
      stdout.push(piece)
      log.write('stdout', piece)
    },
    onStderr(piece) {
      stderr.push(piece)
      log.write('stderr', piece)
    },
  })
  context.recordUsage(end.usage)
  if (end.stopped) context.recordStop(end.stopped)
  if (end.exitCode !== 0) throw failureOf(payload.image, end, context.redact(stderr.text()))
  return { end, stdout, stderr }
}

function failureOf(image: string, end: ContainerEnd, stderr: string): Error {
  // The engine's init starts the program, and tells so when there is none.
  if ((end.exitCode === 126 || end.exitCode === 127) && stderr.startsWith('[FATAL tini'))
    return new PermanentFailure(
      'SPAWN_FAILED',
      `A container from ${image} could not be started: ${stderr.trim()}`,
    )
  return endFailure(`The container from ${image}`, end, stderr)
}
