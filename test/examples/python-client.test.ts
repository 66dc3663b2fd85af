import { join } from 'node:path'
import { expect } from '@jest/globals'
import { type Fate, openCuttingProxy } from '../support/cutting-proxy.ts'
import { exampleOf } from '../support/doc-example.ts'
import { openTestGateway } from '../support/gateway.ts'
import { adminPassword, startPlatform } from '../support/platform.ts'
import { runClient } from '../support/python-client.ts'
import { pythonExamples, runPython } from '../support/python-program.ts'
import { pythonTest } from '../support/python-test.ts'

/** Says for each request whether and where it is cut, drawn from a seed. */
function drawFates(seed: number): () => Fate {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    const fates: Fate[] = ['pass', 'before', 'after', 'within', 'pass']
    return fates[Math.floor((state / 2 ** 31) * fates.length)] ?? 'pass'
  }
}

pythonTest('the client is written for Python 3.9, and needs the standard library only', async () => {
  expect(
    await runPython(`
import ast, json, sys
tree = ast.parse(open(${JSON.stringify(join(pythonExamples, 'noodle_client.py'))}).read(), feature_version=(3, 9))
imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
names = {getattr(node, "module", None) or node.names[0].name for node in imports}
standard = getattr(sys, "stdlib_module_names", names)  # before 3.10 Python does not tell
print(json.dumps([name for name in names if name.split(".")[0] not in standard]))
`),
  ).toEqual([])
})

pythonTest('however connections are cut, each submission makes one job', async () => {
  const { url: gateway, tokenOf, deps } = await openTestGateway()
  const { url, seen } = await openCuttingProxy(gateway, drawFates(1))
  const TOKEN = await tokenOf('user')
  const told = (await runClient(
    `
with Client(url, token=token) as noodle:
    with ThreadPoolExecutor(8) as threads:
        singles = list(threads.map(lambda i: noodle.submit("echo", {"single": i}), range(24)))
    noodle_client._BATCH_JOBS = 10
    outcomes = noodle.submit_many(NewJob("echo", {"many": i}) for i in range(36))
    cancelled = [noodle.cancel(job.id).state for job in singles[:5]]
    replayed = [noodle.replay(job.id, {"again": 1}).replay_of == job.id for job in singles[:5]]
    tell({"ids": [job.id for job in singles] + [one.id for one in outcomes], "cancelled": cancelled, "replayed": replayed,
          "payloads": [job.payload["single"] for job in singles],
          "listed": len(list(noodle.jobs(task="echo")))})
`,
    { URL: url, TOKEN },
  )) as { ids: string[] }
  expect(told).toMatchObject({
    cancelled: Array(5).fill('cancelled'),
    replayed: Array(5).fill(true),
    payloads: Array.from({ length: 24 }, (_, i) => i),
    listed: 65,
  })
  expect(new Set(told.ids).size).toBe(60)
  const { jobs } = deps
  expect(await jobs.list({}, { limit: 200 })).toHaveLength(65)
  for (const fate of ['before', 'after', 'within'])
    expect(seen.filter((one) => one.fate === fate).length).toBeGreaterThan(5)
})

pythonTest(
  'the client of docs/python.md runs as it stands there; a timeline and a log are whole though their streams are cut again and again',
  async () => {
    const platform = await startPlatform()
    await platform.startWorker({ TIER: 'small', TASK_COMMAND_ALLOW: 'sh' })
    const env = { NOODLE_URL: platform.url, NOODLE_TOKEN: await platform.token() }
    expect(await runPython(exampleOf('python.md', 'python', 'A client in ten lines'), env)).toBe(190)

    const cuts: Fate[] = ['within', 'before', 'within', 'within', 'pass']
    let streams = 0
    const { url } = await openCuttingProxy(platform.url, ({ path }) =>
      /events|logs/.test(path) ? (cuts[Math.floor(streams++ / 3)] ?? 'pass') : 'pass',
    )
    const script = 'for i in $(seq 40); do echo "line $i"; sleep 0.03; done'
    const told = (await runClient(
      `
with Client(url, username="admin", password="${adminPassword}") as noodle:
    job = noodle.submit("command", {"argv": ["sh", "-c", ${JSON.stringify(script)}]})
    with ThreadPoolExecutor(3) as threads:
        events = threads.submit(lambda: [one.state for one in noodle.events(job.id) if isinstance(one, StateEvent)])
        live = threads.submit(lambda: [(one.seq, one.text) for one in noodle.logs(job.id, follow=True)])
        waited = threads.submit(noodle.wait, job.id, timeout=20)
    lines = list(noodle.logs(job.id))
    try:
        noodle.run("command", {"argv": ["sh", "-c", "exit 3"]}, retry={"maxAttempts": 1})
    except JobFailed as error:
        failed = [error.job.state, error.job.error.code, str(error)[-60:]]
    long = noodle.submit("sleep", {"ms": 60_000})
    try:
        noodle.wait(long.id, timeout=0.3)
    except TimeoutError as error:
        late = type(error).__name__
    noodle.cancel(long.id)
    tell({"id": job.id, "events": events.result(), "live": live.result(), "waited": waited.result().state,
          "same": [(one.seq, one.text) for one in lines] == live.result(),
          "after": [one.text for one in noodle.logs(job.id, after=lines[37].id)],
          "tail": [one.text for one in noodle.logs(job.id, follow=True, tail=1)],
          "failed": failed, "late": late, "run": noodle.run("echo", [1, "ü"]),
          "large": len(noodle.run("echo", "x" * 1_500_000))})
`,
      { URL: url },
    )) as { id: string; events: string[] }
    expect(told).toMatchObject({
      live: Array.from({ length: 40 }, (_, i) => [i + 1, `line ${String(i + 1)}`]),
      same: true,
      waited: 'succeeded',
      after: ['line 39', 'line 40'],
      tail: ['line 40'],
      failed: ['failed', 'EXIT_CODE', expect.stringMatching(/exit code 3|ended with/)],
      late: 'WaitTimeout',
      run: [1, 'ü'],
      large: 1_500_000,
    })
    const { body } = await platform.call('GET', `/v1/jobs/${told.id}/events`, { token: env.NOODLE_TOKEN })
    expect(told.events).toEqual(body.items.map(({ state }: { state: string }) => state))
    expect(streams).toBeGreaterThan(15)
  },
  60_000,
)

pythonTest(
  'refusals are typed and tell the code and the wrong fields; what can not be sent is refused here',
  async () => {
    const { url, tokenOf } = await openTestGateway()
    const told = await runClient(
      `
noodle = Client(url, token=token)
def refusal(call):
    try: call()
    except ApiError as error: return [type(error).__name__, error.code, error.status, [one.path for one in error.errors], bool(error.request_id)]
    except (ValueError, NoodleError) as error: return [type(error).__name__, str(error)]
from datetime import datetime, timezone, timedelta
job = noodle.submit("echo", 1, run_at=datetime.now(timezone.utc) + timedelta(hours=1), labels={"a": "b"}, priority=9)
outcomes = noodle.submit_many([NewJob("echo", 1), NewJob("echo", 2, priority=11), NewJob("echo", 3, labels={"n": "3"})])
tell([
    refusal(lambda: noodle.get("01a2097b-1793-70a3-be59-6d2352228e64")),
    refusal(lambda: noodle.submit("echo", priority=12)),
    refusal(lambda: noodle.submit("no-such-task")),
    refusal(lambda: noodle.submit("echo", 2, idempotency_key="k") and noodle.submit("echo", 3, idempotency_key="k")),
    refusal(lambda: noodle.replay(job.id)),
    refusal(lambda: Client(url, token="nonsense").get(job.id)),
    refusal(lambda: noodle.submit_many([NewJob("echo"), NewJob("echo", priority=-1)], atomic=True)),
    refusal(lambda: noodle.submit("echo", run_at=datetime(2030, 1, 1))),
    refusal(lambda: noodle.submit("echo", float("nan"))),
    [type(job.created_at).__name__, job.priority, job.labels, job.raw["timestamps"]["dueAt"] > job.raw["createdAt"], job.has_ended],
    [[one.index, one.id is not None, one.code, [error.path for error in one.errors]] for one in outcomes],
    [one.payload for one in noodle.jobs(labels={"n": "3"}, state=["pending", "queued"], created_after=job.created_at)],
    [one["tier"] for one in noodle.tiers()], "echo" in [one["name"] for one in noodle.tasks()], list(noodle.nodes()), list(noodle.artifacts(job.id)),
])
`,
      { URL: url, TOKEN: await tokenOf('user') },
    )
    expect(told).toEqual([
      ['NotFound', 'job-not-found', 404, [], true],
      ['InvalidRequest', 'invalid-request', 400, ['priority'], true],
      ['Unprocessable', 'task-unknown', 422, expect.any(Array), true],
      ['Unprocessable', 'idempotency-key-reused', 422, expect.any(Array), true],
      ['Conflict', 'job-not-finished', 409, [], true],
      ['Unauthorized', 'bad-token', 401, [], true],
      ['InvalidRequest', 'invalid-request', 400, ['jobs.1.priority'], true],
      ['ValueError', expect.stringContaining('run_at has no time zone')],
      ['ValueError', expect.any(String)],
      ['datetime', 9, { a: 'b' }, true, false],
      [
        [0, true, null, []],
        [1, false, 'invalid-request', ['priority']],
        [2, true, null, []],
      ],
      [3],
      ['small', 'medium', 'heavy'],
      true,
      [],
      [],
    ])
  },
)

pythonTest('lists go on page by page, and calls in a row share a connection', async () => {
  const { url: gateway, tokenOf } = await openTestGateway()
  const { url, connections, seen } = await openCuttingProxy(gateway, () => 'pass')
  const told = await runClient(
    `
noodle = Client(url, token=token)
noodle_client._BATCH_BYTES = 20_000
ids = [one.id for one in noodle.submit_many(NewJob("echo", {"i": i}, delay_ms=3_600_000) for i in range(450))]
listed = [job.payload["i"] for job in noodle.jobs()]
tell([len(set(ids)), listed == list(range(449, -1, -1)), [one.id for one in noodle.jobs()][0] == ids[-1]])
`,
    { URL: url, TOKEN: await tokenOf('user') },
  )
  expect(told).toEqual([450, true, true])
  expect(connections()).toBe(1)
  expect(seen.filter(({ method }) => method === 'POST').length).toBeGreaterThan(2)
})

pythonTest('a batch that the gateway finds too large is sent in halves', async () => {
  const { url, tokenOf } = await openTestGateway({ BATCH_LIMIT_JOBS: '30', BATCH_LIMIT_BYTES: '4000' })
  const told = await runClient(
    `
outcomes = Client(url, token=token).submit_many(NewJob("echo", {"i": i}) for i in range(100))
tell([len({one.id for one in outcomes}), [one.index for one in outcomes] == list(range(100))])
`,
    { URL: url, TOKEN: await tokenOf('user') },
  )
  expect(told).toEqual([100, true])
})
