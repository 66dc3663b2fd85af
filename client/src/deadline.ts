/** A signal that aborts with another one, or by itself after some time. */
export interface Deadline {
  signal: AbortSignal
  /** Begins the time anew. */
  renew(): void
  /** To be called in the end: a timer and a listener would stay. */
  clear(): void
  /** True when it was the time. */
  isOver(): boolean
}

/** AbortSignal.any and AbortSignal.timeout would do, but that they keep listeners on a signal that lives long. */
export function startDeadline(ms: number, outer?: AbortSignal): Deadline {
  const controller = new AbortController()
  let isOver = false
  const onTime = (): void => {
    isOver = true
    controller.abort(new DOMException(`Nothing came for ${String(ms)} ms.`, 'TimeoutError'))
  }
  const onAbort = (): void => controller.abort(outer?.reason)
  let timer = setTimeout(onTime, ms)
  outer?.addEventListener('abort', onAbort)
  if (outer?.aborted) onAbort()
  return {
    signal: controller.signal,
    renew() {
      clearTimeout(timer)
      timer = setTimeout(onTime, ms)
    },
    clear() {
      clearTimeout(timer)
      outer?.removeEventListener('abort', onAbort)
    },
    isOver: () => isOver,
  }
}

/** @throws the signal's reason when it aborts first */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    await orAborted(new Promise<void>((resolve) => (timer = setTimeout(resolve, ms))), signal)
  } finally {
    clearTimeout(timer)
  }
}

/** Waits for something that goes on by itself, for others too. @throws the signal's reason when it aborts first */
export async function orAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return work
  signal.throwIfAborted()
  return new Promise<T>((resolve, reject) => {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the reason is the caller's choice
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
