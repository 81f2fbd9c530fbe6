/** Removing objects that nothing names. */

import { partOfName } from '../directory/directory-layout.js';
import type { ObjectClient } from './object-client.js';
import { MANIFESTS, manifestOfObjectName, PARTS } from './object-layout.js';

const REMOVALS_MAX = 8;

/**
 * Names of the manifests and parts up to checkpoint `newest` and epoch `epoch`, as a listing tells.
 * Uploads that were never completed are aborted on the way, if the service allows it.
 */
export async function listOrphans(
  client: ObjectClient,
  newest: number,
  epoch: number,
): Promise<{ readonly manifests: readonly string[]; readonly parts: readonly string[] }> {
  const isOld = (told: ReturnType<typeof partOfName>) =>
    told !== undefined && told.checkpoint <= newest && told.epoch <= epoch;
  const manifests = (await client.list(MANIFESTS)).map((key) => key.slice(MANIFESTS.length));
  const parts = (await client.list(PARTS)).map((key) => key.slice(PARTS.length));
  // Cost only space, and the right to see them may not have been given.
  for (const upload of await client.uploads(PARTS).catch(() => [])) {
    if (!isOld(partOfName(upload.key.slice(PARTS.length)))) continue;
    await client.abortUpload(upload).catch(() => {});
  }
  return {
    manifests: manifests.filter((name) => isOld(manifestOfObjectName(name))),
    parts: parts.filter((name) => isOld(partOfName(name))),
  };
}

/** Removes as many as it can; resolves to the first failure. */
export async function removeAll(
  client: ObjectClient,
  prefix: string,
  names: readonly string[],
): Promise<{ readonly cause: unknown } | undefined> {
  let failure: { readonly cause: unknown } | undefined;
  for (let at = 0; at < names.length; at += REMOVALS_MAX) {
    const some = names.slice(at, at + REMOVALS_MAX);
    const settled = await Promise.allSettled(some.map((name) => client.remove(`${prefix}${name}`)));
    const failed = settled.find((one) => one.status === 'rejected');
    if (failed !== undefined) failure ??= { cause: failed.reason as unknown };
  }
  return failure;
}
