/** @type {import('jest').Config} */
export default {
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    // Not for what runs outside of the tests: Node itself loads it, as it does the program.
    '/(?!global-|reporter|leak-checking)[^/]+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript' },
          experimental: { keepImportAttributes: true },
          target: 'es2023',
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  injectGlobals: false,
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  testEnvironment: '<rootDir>/test/support/leak-checking-environment.ts',
  reporters: ['default', '<rootDir>/test/support/reporter.ts'],
  // More than what tests wait for at most, so that a wait that ends in vain tells for what: processes have 40 s to start (test/support/platform.ts).
  testTimeout: 60_000,
  // On two cores: tests wait for processes, leases and checks more than they compute.
  maxWorkers: 3,
}
