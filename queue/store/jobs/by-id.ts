/*
 * For statements that move rows which they are given by id. They find, check and lock each in one step: the UPDATE itself waits for a row that another holds
 * and then asks its conditions again, of what stands there now (PostgreSQL 15, section 13.2.1).
 */

/** After `jobs.state`, compared in one of these statements: then no index of the rows in that state serves, which might be read from end to end for a few of them. */
export const byIdOnly = 'COLLATE "C"'

/** Sorts what a statement is given by job id. Rows are locked in that order, by all: so no two statements wait for each other. */
export const inIdOrder =
  <T>(idOf: (item: T) => string) =>
  (a: T, b: T): number => {
    const [idOfA, idOfB] = [idOf(a), idOf(b)]
    return idOfA < idOfB ? -1 : idOfA > idOfB ? 1 : 0
  }
