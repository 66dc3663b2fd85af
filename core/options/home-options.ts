import { z } from 'zod'

/** The options of `npm start` and the command line. */
export const homeOptions = {
  NOODLE_HOME: z
    .string()
    .default('.noodle')
    .describe('Where the embedded default keeps its data, credentials and logs.'),
  NOODLE_ENV: z
    .string()
    .optional()
    .describe('Name of the environment: config/<name>.yaml gives options their values.'),
  NOODLE_CONFIG_DIR: z.string().default('config').describe('The folder with the files per environment.'),
  NOODLE_URL: z
    .url()
    .optional()
    .describe('The gateway that the command line talks to; by default the one that `npm start` started.'),
  NOODLE_TOKEN: z
    .string()
    .optional()
    .describe(
      'The access token that the command line sends; by default it logs in with the credentials file.',
    )
    .meta({ secret: true }),
}
