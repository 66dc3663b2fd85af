/** Begins the names of all folders that a worker makes; its mark (worker-mark.ts) follows. */
export const workerFolderPrefix = 'noodle-worker-'
