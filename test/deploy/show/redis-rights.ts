import { expectThat, type Scenario } from './scenario.ts'

/** What no process of ours has any use for. */
const denied = {
  redis: [
    ['keys', '*'],
    ['flushall'],
    ['config', 'get', 'maxmemory'],
    ['acl', 'whoami'],
    ['monitor'],
    ['client', 'list'],
    ['set', 'elsewhere', '1'],
    ['publish', 'elsewhere', '1'],
    ['eval', "return redis.call('get', 'elsewhere')", '0'],
  ],
  'redis-cache': [
    ['keys', '*'],
    ['flushall'],
    ['set', '{noodle-small}:x', '1'],
    ['publish', 'noodle:submitted', '1'],
    ['eval', 'return 1', '0'],
  ],
}

const twoKeys = ['{noodle-show}:a', '{noodle-show}:b'] as const

/** The user of the processes has all the rights in Redis that they have asked for since it was started, and no others; and what it wrote in a script, Redis reads back when it starts. */
export const redisRights: Scenario = async (stack) => {
  const seen: string[] = []
  for (const service of ['redis', 'redis-cache'] as const) {
    const [container] = await stack.containers(service)
    const ask = (...words: string[]): Promise<string> =>
      stack.docker(
        ...['exec', container?.id ?? '', 'sh', '-c'],
        'REDISCLI_AUTH=$(cat /run/secrets/redis_password) exec redis-cli --user noodle "$@"',
        ...['sh', ...words],
      )
    const before = await ask('info', 'errorstats')
    expectThat(!before.includes('NOPERM'), `${service} has refused what a process needs: ${before}`)
    const commands = (await ask('info', 'commandstats'))
      .split('\n')
      .filter((line) => line.startsWith('cmdstat_'))
    if (service === 'redis' && container) {
      await ask('eval', "redis.call('set', KEYS[1], 1) redis.call('set', KEYS[2], 2)", '2', ...twoKeys)
      await stack.docker('restart', container.id)
      await stack.untilHealthy([container])
      const values = [(await ask('get', twoKeys[0])).trim(), (await ask('get', twoKeys[1])).trim()]
      expectThat(
        values.join() === '1,2',
        `After a restart redis has ${values.join()} of what a script wrote.`,
      )
      await ask('del', ...twoKeys)
      const after = await ask('info', 'errorstats')
      expectThat(!after.includes('NOPERM'), `${service} has refused what it should read back: ${after}`)
    }
    for (const words of denied[service]) {
      const answer = await ask(...words)
      expectThat(
        /NOPERM|no permissions|can't access/i.test(answer),
        `${service} answers ${words.join(' ')} with ${answer}`,
      )
    }
    const stranger = await stack.docker('exec', container?.id ?? '', 'redis-cli', 'get', 'x').catch(String)
    expectThat(stranger.includes('NOAUTH'), `${service} answers who does not log in: ${stranger}`)
    seen.push(
      `${service}: ${String(commands.length)} commands used, none refused; ${String(denied[service].length)} others are`,
    )
  }
  return seen.join('; ')
}
