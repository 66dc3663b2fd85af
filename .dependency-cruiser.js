/*
 * The floors of the house: imports go down only, never round.
 *   F0 core, proto · F1 queue/domain · F2 queue/store · F3 queue/use-cases · queue/intake · queue/open-queue.ts · F4 api, workers, ops
 */
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: {
    path: '^(core|proto|queue|api|workers|ops|client|migrations|test|scripts|bench)/',
    pathNot: [from, ...allowed],
  },
})
const core = '^core/'
const proto = '^proto/'
const domain = '^queue/domain/'
const store = '^queue/store/'
const useCases = '^queue/use-cases/'
const intake = '^queue/intake/'
const queue = '^queue/'

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    only('core-stands-alone', core, [], 'core (F0) is plumbing and knows no job.'),
    only(
      'proto-stands-alone',
      proto,
      [],
      'proto (F0) is what the processes speak with one another and with clients.',
    ),
    only('domain-knows-core-only', domain, [core], 'queue/domain (F1) is what is true without any I/O.'),
    only(
      'store-below-use-cases',
      store,
      [core, domain],
      'queue/store (F2) does what it is told; what to do is decided above.',
    ),
    only(
      'use-cases-below-processes',
      useCases,
      [core, domain, store],
      'queue/use-cases (F3) are called by the processes.',
    ),
    only(
      'intake-below-processes',
      intake,
      [core, domain, store, useCases],
      'queue/intake takes jobs for a node, whichever process it does it in.',
    ),
    only(
      'open-queue-below-processes',
      '^queue/open-queue\\.ts$',
      [core, queue],
      'queue/open-queue.ts is opened by the processes.',
    ),
    only(
      'api-knows-no-other-process',
      '^api/',
      [core, proto, queue],
      'What api and another process both need belongs below.',
    ),
    only(
      'workers-know-no-other-process',
      '^workers/',
      [core, proto, queue],
      'What workers and another process both need belongs below.',
    ),
    only(
      'ops-knows-no-other-process',
      '^ops/',
      [core, queue, '^client/'],
      'What ops and another process both need belongs below. Its command line speaks with the gateway as other programs do.',
    ),
    only('client-stands-alone', '^client/', [], 'client knows the contract, not the house.'),
    {
      name: 'client-runs-anywhere',
      comment: 'Browsers have no modules of Node, and whoever takes the client takes no packages with it.',
      severity: 'error',
      from: { path: '^client/' },
      to: { dependencyTypesNot: ['local', 'type-only'] },
    },
    only(
      'migrations-stand-alone',
      '^migrations/',
      [],
      'A migration is never edited, so it must not use what is.',
    ),
    {
      name: 'use-cases-see-the-store-as-a-type',
      comment: 'Use-cases and intake take the store as an argument; `import type` names its shape.',
      severity: 'error',
      from: { path: [useCases, intake] },
      to: { path: store, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'domain-has-no-io',
      comment: 'queue/domain is what is true without any I/O.',
      severity: 'error',
      from: { path: domain },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
    {
      name: 'only-the-store-talks-to-stores',
      comment:
        'Only queue/store knows that there is a BullMQ, a Redis, a Postgres or an S3 client; a migration is told knex by its type.',
      severity: 'error',
      from: { path: '^(core|queue|api|workers|ops|migrations)/', pathNot: [store] },
      to: {
        path: '(^|/)node_modules/(bullmq|ioredis|pg|knex|@aws-sdk|@smithy)/',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-circles',
      comment: 'A circle has no order in which it can be read. (Messages of protobuf may hold one another.)',
      severity: 'error',
      from: { pathNot: '^proto/generated/' },
      to: { circular: true },
    },
    {
      name: 'product-needs-no-development-packages',
      comment: 'What runs in production must be among the dependencies.',
      severity: 'error',
      from: { path: '^(core|proto|queue|api|workers|ops|migrations)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^client/dist/' }, // what `npm pack` made of it
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.d.ts'],
    },
  },
}
