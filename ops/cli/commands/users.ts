import { randomBytes } from 'node:crypto'
import { type Command, Option } from 'commander'
import { type Role, roles } from '../../../queue/domain/user.ts'
import type { ApiClient } from '../api-client.ts'
import type { User } from '../../../client/src/contract.ts'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { showRelative } from '../../../core/durations.ts'
import { readPassword } from '../read-password.ts'
import { tableOf } from '../table.ts'

interface AddOptions {
  role: Role
  tenant?: string
  passwordStdin?: boolean
}

interface ChangeOptions {
  role?: Role
  password?: boolean
  passwordStdin?: boolean
  disable?: boolean
  enable?: boolean
}

const passwordStdin = ['--password-stdin', 'read the password from stdin'] as const

export function addUsers(program: Command, cli: Cli): void {
  const users = program
    .command('users')
    .summary('list, add, change and remove users')
    .description('Users, for admins.')
  users
    .command('list', { isDefault: true })
    .description('Lists users, newest first.')
    .action(async () => {
      const items = await listUsers(cli.connect())
      cli.show({ items }, () => userTable(items))
    })
  users
    .command('add')
    .description('Makes a user. Without --password-stdin it makes a password too, and prints it.')
    .argument('<username>')
    .addOption(new Option('--role <role>', 'what the user may do').choices(roles).default('user'))
    .option('--tenant <tenant>', 'whose jobs the user sees; default: default')
    .option(...passwordStdin)
    .action(async (username: string, options: AddOptions) => {
      const api = cli.connect()
      const made = options.passwordStdin ? undefined : randomBytes(15).toString('base64url')
      const password = made ?? (await readPassword('', true))
      const { role, tenant } = options
      const user = await api.call<User>('POST', '/v1/users', {
        body: JSON.stringify({ username, password, role, tenant }),
      })
      cli.show({ ...user, ...(made !== undefined && { password: made }) }, () => [
        `${user.username} is ${article(user.role)} ${user.role} of the tenant ${user.tenant}.`,
        ...(made === undefined ? [] : [`password ${made}`]),
      ])
    })
  users
    .command('change')
    .description("Changes a user. All the user's tokens end with it.")
    .argument('<username>')
    .addOption(new Option('--role <role>', 'what the user may do').choices(roles))
    .option('--password', 'ask for a new password')
    .option(...passwordStdin)
    .option('--disable', 'let the user log in no more')
    .option('--enable', 'let the user log in again')
    .action(async (username: string, options: ChangeOptions) => {
      const change = await toChange(options)
      const api = cli.connect()
      const { id } = await findUser(api, username)
      const user = await api.call<User>('PATCH', `/v1/users/${id}`, { body: JSON.stringify(change) })
      cli.show(user, () => userTable([user]))
    })
  users
    .command('remove')
    .description("Removes a user. The user's jobs stay.")
    .argument('<username>')
    .action(async (username: string) => {
      const api = cli.connect()
      const user = await findUser(api, username)
      await api.call('DELETE', `/v1/users/${user.id}`)
      cli.show(user, () => `${username} is removed.`)
    })
}

async function toChange({
  role,
  password,
  passwordStdin: isStdin = false,
  disable,
  enable,
}: ChangeOptions): Promise<object> {
  if (disable && enable) throw new CliError('--disable and --enable contradict each other.', { exitCode: 2 })
  const hasPassword = password === true || isStdin
  if (role === undefined && !hasPassword && !disable && !enable)
    throw new CliError('Say what to change: --role, --password, --disable or --enable.', { exitCode: 2 })
  return {
    role,
    password: hasPassword ? await readPassword('New password: ', isStdin) : undefined,
    disabled: disable ? true : enable ? false : undefined,
  }
}

async function listUsers(api: ApiClient): Promise<User[]> {
  const users: User[] = []
  for await (const page of api.pages<User>('/v1/users')) users.push(...page)
  return users
}

async function findUser(api: ApiClient, username: string): Promise<User> {
  for await (const page of api.pages<User>('/v1/users')) {
    const user = page.find((candidate) => candidate.username === username)
    if (user) return user
  }
  throw new CliError(`There is no user ${username}.`)
}

const article = (role: Role): string => (role === 'admin' ? 'an' : 'a')

const userTable = (users: readonly User[]): string[] =>
  tableOf(users, [
    { title: 'USERNAME', value: ({ username }) => username },
    { title: 'ROLE', value: ({ role }) => role },
    { title: 'TENANT', value: ({ tenant }) => tenant },
    { title: 'STATE', value: ({ disabledAt }) => (disabledAt === null ? 'enabled' : 'disabled') },
    { title: 'CREATED', value: ({ createdAt }) => showRelative(createdAt) },
  ])
