/**
 * A run's hold on an object store: takes it, keeps it, changes what the index says, and gives it back.
 *
 * Renewals and commits are swaps of the same register, made one after the other. A renewal repeats what the index
 * should say, and so settles a commit whose outcome was unknown (object-store-index.ts, N3).
 */

import { createHash, randomBytes } from 'node:crypto';
import type { HoldfastError } from '../../base/errors.js';
import { partOfName } from '../directory/directory-layout.js';
import { ownIdentity } from '../directory/process-identity.js';
import type { ObjectClient } from './object-client.js';
import type { IndexContent } from './object-index.js';
import { MANIFESTS, PARTS, PROBE } from './object-layout.js';
import { giveUp, takeIndex } from './object-lock.js';
import { lostError, missingIndexError, unconditionalError } from './object-store-errors.js';
import { type FoundIndex, INDEX_KEY, IndexRegister } from './object-store-index.js';

/** Renewed this often during a lease. */
const RENEWALS_PER_LEASE = 3;
const PROBE_TEXT = 'Holdfast makes sure here that conditional writes are honoured.\n';
/** No object has this tag. */
const NO_TAG = '"00000000000000000000000000000000"';

export class ObjectStoreOwner {
  readonly #location: string;
  readonly #leaseMs: number;
  readonly #onSettled: () => void;
  readonly #token = randomBytes(12).toString('hex');
  #register: IndexRegister | undefined;
  /** As the service has it, as far as is known. */
  #found: FoundIndex | undefined;
  #content: IndexContent | undefined;
  #lost: HoldfastError | undefined;
  #swaps: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #swappedSinceTick = false;

  /** @param onSettled called whenever the index is known to say what it should */
  constructor(location: string, leaseMs: number, onSettled: () => void) {
    this.#location = location;
    this.#leaseMs = leaseMs;
    this.#onSettled = onSettled;
  }

  get isHeld(): boolean {
    return this.#content !== undefined;
  }

  /** What the index should say; held. */
  get content(): IndexContent {
    return this.#content!;
  }

  /** Rejects with ERR_HOLDFAST_CHECKPOINT_LOCKED, …_STORE, …_CORRUPT. */
  async acquire(client: ObjectClient): Promise<void> {
    await assertConditions(client, this.#location);
    const register = new IndexRegister(client, this.#location);
    const owner = { ...(await ownIdentity()), token: this.#token, leaseMs: this.#leaseMs };
    const fresh = () => firstContent(client, register.file);
    this.#found = await takeIndex(register, this.#location, owner, fresh);
    this.#register = register;
    this.#content = contentOf(this.#found);
    this.#timer = setInterval(() => {
      if (!this.#swappedSinceTick) this.commit().catch(() => {});
      this.#swappedSinceTick = false;
    }, this.#leaseMs / RENEWALS_PER_LEASE).unref();
  }

  /**
   * One conditional write; `content` by default says what the index says already. Rejects with
   * ERR_HOLDFAST_CHECKPOINT_LOCKED when somebody else has taken over, and otherwise with what the client
   * says: then the change is not made, or will be undone by the next one.
   */
  commit(content?: IndexContent): Promise<void> {
    const next = this.#swaps.then(() => this.#commit(content ?? this.content));
    this.#swaps = next.catch(() => {});
    return next;
  }

  /** Gives the store back as far as it can; never rejects. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    giveUp(this.#token);
    if (this.#content === undefined) return;
    const { owner: _, ...rest } = this.#content;
    await this.commit(rest).catch(() => {});
    this.#content = undefined;
  }

  async #commit(content: IndexContent): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    const isOwn = (found: FoundIndex | undefined) => found?.index.owner?.token === this.#token;
    const outcome = await this.#register!.swap(this.#found, content, isOwn);
    if (outcome.kind === 'unknown') throw outcome.error;
    if (outcome.kind === 'changed') {
      clearInterval(this.#timer);
      this.#lost = lostError(this.#location, outcome.found?.index.owner);
      throw this.#lost;
    }
    this.#found = outcome.found;
    this.#content = content;
    this.#swappedSinceTick = true;
    this.#onSettled();
  }
}

function contentOf({ index }: FoundIndex): IndexContent {
  const { write: _, ...content } = index;
  return content;
}

/** A new store's. Nothing is guessed: manifests without an index are somebody's checkpoints. */
async function firstContent(client: ObjectClient, file: string): Promise<IndexContent> {
  const [manifest] = await client.list(MANIFESTS);
  if (manifest !== undefined && (await client.head(INDEX_KEY)) === undefined) {
    throw missingIndexError(file, manifest);
  }
  let epoch = 0;
  for (const key of await client.list(PARTS)) {
    epoch = Math.max(epoch, partOfName(key.slice(PARTS.length))?.epoch ?? 0);
  }
  return { epoch, checkpoints: [] };
}

/** Rejects with ERR_HOLDFAST_CHECKPOINT_STORE when the service does not keep to conditions. */
async function assertConditions(client: ObjectClient, location: string): Promise<void> {
  const bytes = Buffer.from(PROBE_TEXT);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const put = (condition: Parameters<ObjectClient['put']>[3]) =>
    client.put(PROBE, bytes, sha256, condition);
  await put({ kind: 'absent' });
  // The object is there now, whoever made it; it is never changed nor removed.
  const again = await put({ kind: 'absent' });
  if (again.kind === 'written') throw unconditionalError(location, 'If-None-Match');
  const other = await put({ kind: 'match', tag: NO_TAG });
  if (other.kind === 'written') throw unconditionalError(location, 'If-Match');
}
