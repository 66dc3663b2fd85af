// The container's HEALTHCHECK: exit code 0 when each process in it serves. A file of its own without imports, for it starts every few seconds.
const { NODE_TYPE, PORT, METRICS_PORT } = process.env
const ports = [...(NODE_TYPE === 'master' ? [PORT] : []), METRICS_PORT]
const answers = await Promise.allSettled(
  ports.map((port) => fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(4000) })),
)
answers.forEach((answer, i) => {
  const fault =
    answer.status === 'rejected' ? (answer.reason.cause ?? answer.reason).message : answer.value.status
  if (fault === 200) return
  console.log(`port ${ports[i]}: ${fault}`)
  process.exitCode = 1
})
