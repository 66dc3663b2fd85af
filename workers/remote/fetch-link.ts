/** How long the store may say nothing, from the connection on; then a gateway is asked, which may be nearer to it. */
const usualSilenceMs = 5000

/** What a signed link of the object store leads to. @throws Error when that is nowhere, not in time, or more than the bytes that it should be */
export async function fetchLink(
  link: string,
  {
    bytes,
    signal,
    silenceMs = usualSilenceMs,
  }: { bytes: number; signal: AbortSignal; silenceMs?: number | undefined },
): Promise<Buffer> {
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(new Error('The object store is silent.')), silenceMs)
  try {
    const response = await fetch(link, {
      signal: AbortSignal.any([signal, silence.signal]),
      redirect: 'error',
    })
    if (response.status !== 200 || !response.body) {
      await response.body?.cancel()
      throw new Error(`The object store answered ${String(response.status)}.`)
    }
    const pieces: Uint8Array[] = []
    let seen = 0
    for await (const piece of response.body as ReadableStream<Uint8Array>) {
      timer.refresh()
      seen += piece.length
      if (seen > bytes) throw new Error(`More than the ${String(bytes)} bytes came that it should have.`)
      pieces.push(piece)
    }
    return Buffer.concat(pieces)
  } finally {
    clearTimeout(timer)
  }
}
