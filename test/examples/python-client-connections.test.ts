import { createServer } from 'node:http'
import { expect } from '@jest/globals'
import { hashPassword } from '../../api/auth/password.ts'
import { openCuttingProxy } from '../support/cutting-proxy.ts'
import { openTestGateway } from '../support/gateway.ts'
import { listen } from '../support/listen.ts'
import { runClient } from '../support/python-client.ts'
import { pythonTest } from '../support/python-test.ts'

const password = 'correct horse battery staple'

pythonTest(
  'many threads share a login, which is refreshed before it ends, also when the answer to that is lost',
  async () => {
    const gateway = await openTestGateway()
    await gateway.deps.users.insert({
      id: gateway.deps.newId(),
      username: 'alice',
      passwordHash: await hashPassword(password),
      role: 'user',
      tenant: 'default',
    })
    let refreshes = 0
    const { url, seen, connections } = await openCuttingProxy(gateway.url, ({ path }) =>
      path === '/v1/auth/refresh' && ++refreshes === 2 ? 'after' : 'pass',
    )
    const told = await runClient(
      `
take = noodle_client._PasswordLogin._take
noodle_client._PasswordLogin._take = lambda self, pair: take(self, {**pair, "expiresIn": 1})
with Client(url, username="alice", password="${password}") as noodle:
    def read(_):
        until, count = time.monotonic() + 2.8, 0
        while time.monotonic() < until:
            next(noodle.jobs(), None); count += 1; time.sleep(0.02)
        return count
    with ThreadPoolExecutor(6) as threads:
        counts = list(threads.map(read, range(6)))
    noodle.logout()
    tell(min(counts) > 5)
try:
    Client(url, username="alice", password="wrong").get("01a2097b-1793-70a3-be59-6d2352228e64")
except Unauthorized as error:
    tell([error.code, error.status])
`,
      { URL: url },
    )
    expect(told).toEqual(['bad-credentials', 401])
    const calls = (path: string) => seen.filter((one) => one.path === path).length
    // The first, the one after the lost answer, the wrong password. On a busy machine one more answer to a refresh may come to nothing; six threads that do not share would log in more often.
    expect(calls('/v1/auth/token')).toBeGreaterThanOrEqual(3)
    expect(calls('/v1/auth/token')).toBeLessThanOrEqual(5)
    expect(calls('/v1/auth/refresh')).toBeGreaterThanOrEqual(2)
    expect(calls('/v1/auth/logout')).toBe(1)
    expect(connections()).toBeLessThanOrEqual(9)
  },
)

interface Script {
  status: number
  headers?: Record<string, string>
  body?: string
}

/** A server that answers what it is told to, in this order, the last one again and again. */
async function openScripted(answers: Script[]): Promise<{ url: string; atMs: number[] }> {
  const atMs: number[] = []
  const server = createServer((request, response) => {
    request.resume()
    const {
      status,
      headers = {},
      body = '{}',
    } = answers[Math.min(atMs.length, answers.length - 1)] ?? {
      status: 500,
    }
    atMs.push(performance.now())
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(body)
  })
  return { url: `http://${(await listen(server)).address}`, atMs }
}

pythonTest('what passes is tried again, no sooner than asked and no longer than patience lasts', async () => {
  const page = '{"items": [], "nextCursor": null}'
  const patient = await openScripted([
    { status: 429, headers: { 'Retry-After': '1' } },
    { status: 502, headers: { 'Content-Type': 'text/html' }, body: '<h1>Bad gateway</h1>' },
    { status: 503 },
    { status: 200, body: page },
  ])
  expect(await runClient(`tell(list(Client(url, token="t").tasks()))`, { URL: patient.url })).toEqual([])
  expect(patient.atMs).toHaveLength(4)
  expect((patient.atMs[1] ?? 0) - (patient.atMs[0] ?? 0)).toBeGreaterThanOrEqual(990)

  const busy = await openScripted([
    {
      status: 503,
      headers: { 'Retry-After': '30' },
      body: '{"type": "urn:noodle:error:overloaded", "detail": "Too much."}',
    },
  ])
  const refusal = `
try: list(Client(url, token="t", patience=5).tasks())
except Unavailable as error: tell([error.code, str(error), error.retry_after])
`
  expect(await runClient(refusal, { URL: busy.url })).toEqual(['overloaded', 'Too much.', 30])
  expect(busy.atMs).toHaveLength(1)

  const broken = await openScripted([{ status: 500, body: '{"title": "A fault", "requestId": "r-1"}' }])
  const fault = `
try: list(Client(url, token="t").tasks())
except ApiError as error: tell([error.code, error.title, error.request_id, type(error).__name__])
`
  expect(await runClient(fault, { URL: broken.url })).toEqual(['http-500', 'A fault', 'r-1', 'ApiError'])
  expect(broken.atMs).toHaveLength(1)

  const elsewhere = await openScripted([
    { status: 200, headers: { 'Content-Type': 'text/html' }, body: 'hello' },
  ])
  const stranger = `
try: list(Client(url, token="t").tasks())
except NoodleError as error: tell(str(error))
`
  expect(await runClient(stranger, { URL: elsewhere.url })).toContain("is not Noodle's gateway")
})

pythonTest(
  'a gateway that says nothing, and one that is not there, are told apart; a token is asked for again when it is refused',
  async () => {
    const { url: gateway, tokenOf } = await openTestGateway()
    const silent = await listen(createServer(() => undefined))
    const told = await runClient(
      `
def failure(client):
    try: client.get("x")
    except ConnectionFailed as error: return str(error).split(": ")[-1]
given = []
def source():
    given.append(1)
    return "stale" if len(given) == 1 else token
client = Client(url, token=source)
tell([failure(Client("http://${silent.address}", token="t", timeout=0.2, patience=0.3)),
      failure(Client("http://127.0.0.1:1", token="t", patience=0)), len(list(client.jobs())), len(list(client.jobs())), len(given)])
`,
      { URL: gateway, TOKEN: await tokenOf('user') },
    )
    expect(told).toEqual([
      expect.stringContaining('did not answer within 0.2 s'),
      expect.stringContaining('refused'),
      0,
      0,
      2,
    ])
  },
)

pythonTest(
  'close ends a stream that another thread reads, and a fork has connections of its own',
  async () => {
    const { url, tokenOf } = await openTestGateway()
    const told = await runClient(
      `
noodle = Client(url, token=token)
job = noodle.submit("echo", delay_ms=3_600_000)
pid = os.fork()
if pid == 0:
    os._exit(0 if all(noodle.get(job.id).id == job.id for _ in range(20)) else 1)
same = all(noodle.get(job.id).id == job.id for _ in range(20))
child = os.waitpid(pid, 0)[1]
ended, first = [], threading.Event()
def read():
    try:
        for event in noodle.events(job.id): first.set()
    except NoodleError as error: ended.append(str(error))
thread = threading.Thread(target=read)
thread.start()
first.wait(5)
noodle.close()
thread.join(5)
tell([same, child, thread.is_alive(), ended])
`,
      { URL: url, TOKEN: await tokenOf('user') },
    )
    expect(told).toEqual([true, 0, false, ['The client is closed.']])
  },
)
