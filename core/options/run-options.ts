import { integer } from './kinds.ts'

/** The options that bound a run of a job on a worker. */
export const runOptions = {
  CHECKPOINT_LIMIT_BYTES: integer(1024)
    .default(1_048_576)
    .describe('Largest checkpoint of a job, as JSON; a larger one is not kept.')
    .meta({ unit: 'bytes' }),
  PROCESS_LIMIT: integer(1)
    .default(512)
    .describe('Processes and threads that a job may have at once, where control groups can be written.')
    .meta({ unit: 'processes' }),
  OPEN_FILE_LIMIT: integer(16)
    .default(4096)
    .describe('Files that each process of a job may have open.')
    .meta({ unit: 'files' }),
  SCRATCH_LIMIT_BYTES: integer(0)
    .default(10_737_418_240)
    .describe(
      'What a run may have in its folders, of scratch and of artifacts, as the disk counts it; 0 for no limit.',
    )
    .meta({ unit: 'bytes' }),
  SCRATCH_LIMIT_FILES: integer(0)
    .default(200_000)
    .describe('Files and folders that a run may have in these; 0 for no limit.')
    .meta({ unit: 'files' }),
  RESULT_LIMIT_BYTES: integer(1024, 134_217_728)
    .default(8_388_608)
    .describe('Largest result of a job, as JSON; a larger one fails the attempt.')
    .meta({ unit: 'bytes' }),
  ARTIFACT_LIMIT_BYTES: integer(0, 5_368_709_120)
    .default(1_073_741_824)
    .describe('Most bytes of all artifacts of an attempt together; more fail it.')
    .meta({ unit: 'bytes', isLive: true }),
  ARTIFACT_LIMIT_COUNT: integer(0, 10_000)
    .default(100)
    .describe('Most artifacts of an attempt; more fail it.')
    .meta({ unit: 'files', isLive: true }),
  COMMAND_OUTPUT_BYTES: integer(1024, 16_777_216)
    .default(65_536)
    .describe('How much of the end of stdout and of stderr a command keeps.')
    .meta({ unit: 'bytes' }),
  LOG_LIMIT_BYTES: integer(1024)
    .default(10_485_760)
    .describe(
      'How much of the log of an attempt is kept, from its begin; a last line tells how much was left out.',
    )
    .meta({ unit: 'bytes', isLive: true }),
  KILL_GRACE_MS: integer(0)
    .default(5000)
    .describe('Time between SIGTERM and SIGKILL for a job that timed out or was cancelled.')
    .meta({ unit: 'ms', isLive: true }),
}
