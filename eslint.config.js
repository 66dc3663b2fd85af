import js from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

/** Names the place where a thing belongs to whoever used it elsewhere. */
const house = {
  env: {
    selector: "MemberExpression[object.name='process'][property.name='env']",
    message: 'Only core/config.ts reads the environment; take the value as an argument.',
  },
  envImport: {
    selector: 'ImportDeclaration[source.value=/^(node:)?process$/]',
    message: 'Use the global `process`, where the rules about the environment can see it.',
  },
  interval: {
    selector: "CallExpression[callee.name='setInterval'], CallExpression[callee.property.name='setInterval']",
    message: 'Use `every` from core/every.ts: its ticks never overlap, and it stops.',
  },
  console: {
    selector: "MemberExpression[object.name='console']",
    message: 'Take a Logger as an argument; only the command line prints.',
  },
  getter: {
    selector: "ObjectExpression > Property[kind='get']",
    message:
      'Make it a function: an object written with `get` has a hidden class of its own in V8, which keeps all that a request reaches from the young collector.',
  },
}
const forbid = (...rules) => ({ 'no-restricted-syntax': ['error', ...rules] })
const { getter, ...everywhere } = house

export default defineConfig([
  globalIgnores(['.noodle/', 'coverage/', 'bench/', 'proto/generated/', 'client/dist/']),
  js.configs.recommended,
  { files: ['**/*.js'], rules: { 'no-undef': 'off' } }, // Node's globals; the types check the rest
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      ...forbid(...Object.values(everywhere)),
      // A switch over states names each of them, or says by `default` that it means the rest.
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // `() => stop()` reads well, and so does `{}` for what does nothing.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off', // `Promise<number | void>`: a tick may answer or not
      // Libraries that describe their classes by interfaces (winston, express) trip it everywhere.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-unsafe-enum-assignment': 'off', // no enums here, and it takes a third of the time
      eqeqeq: 'error',
    },
  },
  { files: ['api/**'], rules: forbid(...Object.values(everywhere), getter) }, // where objects are made for each request
  // Who may do what is forbidden to others. The environment: configuration, and what child processes inherit.
  { files: ['core/config*.ts', '**/*-environment.ts'], rules: forbid(house.interval, house.console) },
  { files: ['core/every.ts'], rules: forbid(house.env, house.envImport, house.console) },
  { files: ['ops/cli/**'], rules: forbid(house.env, house.envImport, house.interval) },
  {
    files: ['test/**'],
    rules: {
      ...forbid(house.interval, house.console),
      // Answers are parsed as a client parses them; what they hold is for `expect` to say.
      ...Object.fromEntries(
        ['argument', 'assignment', 'call', 'member-access', 'return'].map((what) => [
          `@typescript-eslint/no-unsafe-${what}`,
          'off',
        ]),
      ),
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  { files: ['scripts/**'], rules: forbid(house.interval) },
])
