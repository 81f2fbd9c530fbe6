/**
 * A fault of Node 20 and 22: when a thread ends while V8 still compiles code of it in the background, the process may
 * be aborted, once in many thousand threads. Node 24 gives up a thread's isolate in the other order. Tests end thousands
 * of threads; which of them it hits says nothing about a test.
 */

const ASSERTION = 'node::NodePlatform::ForIsolate(v8::Isolate*)';

/** @param {string} errors what vitest and its processes wrote to standard error */
export function isNodesAbort(errors) {
  return errors.includes(ASSERTION);
}

/**
 * The files whose tests have not all come to an end. A test that is skipped on purpose has another status.
 *
 * @param report of vitest's reporter `json`; undefined when there is none
 * @returns {string[]} absolute paths
 */
export function unfinishedFiles(report) {
  return (report?.testResults ?? [])
    .filter(
      ({ assertionResults }) =>
        assertionResults.length === 0 ||
        assertionResults.some(({ status }) => status === 'pending'),
    )
    .map(({ name }) => name);
}
