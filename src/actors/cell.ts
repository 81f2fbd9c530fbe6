/**
 * One actor: an address, a mailbox, a behaviour, a life. It is the tasklet that a thread's scheduler runs.
 *
 *     starting → running → failed
 *         └─────────┴────────┴──→ stopping → stopped
 *
 *  C1  Messages are handled one at a time, in the cell's turns, and before its other work. So control gets through to
 *      an actor that has no room for its output.
 *  C2  What comes while it is `starting` waits until it runs. What comes once it has failed or stops, and what
 *      waits then, is a dead letter at once: who has asked hears so, and who has told is told of (`Surroundings`).
 *      So each message is handled or is a dead letter, and nobody waits for ever.
 *  C3  A cell fails once: by what its behaviour throws, or by what the behaviour says (`fail`). Its supervisor is told
 *      once, and nothing of it runs afterwards. One that stops cannot fail any more.
 *  C4  The message in which an actor fails is a dead letter, too: what it was to do is not done.
 */

import { type Failure, toFailure } from '../base/failure.js';
import type { Tasklet } from '../threads/tasklet.js';
import type { Address, Behaviour, Reply, Surroundings, Work } from './actor.js';
import { type Letter, Mailbox } from './mailbox.js';

export type Life = 'starting' | 'running' | 'failed' | 'stopping' | 'stopped';

export interface CellOptions<M, A> {
  readonly address: Address;
  readonly behaviour: Behaviour<M, A>;
  readonly work?: Work | undefined;
  readonly surroundings: Surroundings<M>;
  /** Messages that may wait beside control. Default 0: the actor takes control only. */
  readonly capacity?: number | undefined;
}

export class Cell<M, A> implements Tasklet {
  readonly address: Address;
  readonly #behaviour: Behaviour<M, A>;
  readonly #work: Work | undefined;
  readonly #surroundings: Surroundings<M>;
  readonly #mailbox: Mailbox<Letter<M, Reply<A>>>;
  #life: Life = 'starting';

  constructor({ address, behaviour, work, surroundings, capacity = 0 }: CellOptions<M, A>) {
    this.address = address;
    this.#behaviour = behaviour;
    this.#work = work;
    this.#surroundings = surroundings;
    this.#mailbox = new Mailbox(capacity);
  }

  get name(): string {
    return this.address.path;
  }

  get life(): Life {
    return this.#life;
  }

  /** Sends a message on the control lane. */
  tell(message: M): void {
    this.#send({ message, reply: undefined });
  }

  /** As `tell`. @returns what became of it; never rejects, and always settles (C2) */
  ask(message: M): Promise<Reply<A>> {
    return new Promise((reply) => this.#send({ message, reply }));
  }

  /** Sends a message that is no control. @returns false: its mailbox is full, and nothing was sent */
  offer(message: M): boolean {
    const letter = { message, reply: undefined };
    if (!this.#takesMessages) this.#bury(letter);
    else if (!this.#mailbox.put(letter)) return false;
    else this.#surroundings.wake();
    return true;
  }

  /** It runs from now on. To be added to the scheduler then. */
  start(): void {
    if (this.#life === 'starting') this.#life = 'running';
  }

  /** C3 */
  fail(failure: Failure): void {
    if (!this.#takesMessages) return;
    this.#life = 'failed';
    this.#buryAll();
    this.#surroundings.failed(this.address, failure);
  }

  /** Nothing of it runs any more; what it holds is still to be given back (`stop`). */
  halt(): void {
    if (!this.#takesMessages) return;
    this.#life = 'stopping';
    this.#buryAll();
  }

  /** Has it give back what it holds. @returns when that is done; rejects as `close` of the behaviour does */
  async stop(): Promise<void> {
    this.halt();
    this.#life = 'stopping';
    try {
      await this.#behaviour.close();
    } finally {
      this.#life = 'stopped';
    }
  }

  get runnable(): boolean {
    if (!this.#runs) return false;
    return !this.#mailbox.isEmpty || this.#work?.runnable === true;
  }

  run(deadline: number): boolean {
    if (!this.#runs) return false;
    const hasRead = this.#mailbox.isEmpty ? false : this.#read(deadline); // C1
    if (this.#work === undefined || !this.#runs) return hasRead;
    return this.#work.run(deadline) || hasRead;
  }

  flushDue(now: number): number | undefined {
    return this.#runs ? this.#work?.flushDue(now) : undefined;
  }

  broke(error: unknown): void {
    this.fail(toFailure(error, 'internal'));
  }

  get #runs(): boolean {
    return this.#life === 'running';
  }

  get #takesMessages(): boolean {
    return this.#life === 'starting' || this.#life === 'running';
  }

  #send(letter: Letter<M, Reply<A>>): void {
    if (!this.#takesMessages) {
      this.#bury(letter);
      return;
    }
    this.#mailbox.putSystem(letter);
    this.#surroundings.wake();
  }

  /** @returns true: there was a message */
  #read(deadline: number): true {
    do {
      const letter = this.#mailbox.next()!;
      let reply: Reply<A> = { kind: 'dead-letter' };
      try {
        const answer = this.#behaviour.receive(letter.message);
        if (this.#runs) reply = { kind: 'handled', answer }; // C4
      } catch (error) {
        this.broke(error);
      }
      if (reply.kind === 'handled') letter.reply?.(reply);
      else this.#bury(letter);
    } while (this.#runs && this.#goesOn(deadline));
    return true;
  }

  /** Control is read to its end, whatever the time. */
  #goesOn(deadline: number): boolean {
    if (this.#mailbox.hasSystem) return true;
    return !this.#mailbox.isEmpty && performance.now() < deadline;
  }

  #buryAll(): void {
    for (let letter = this.#mailbox.next(); letter !== undefined; letter = this.#mailbox.next()) {
      this.#bury(letter);
    }
  }

  #bury({ message, reply }: Letter<M, Reply<A>>): void {
    if (reply !== undefined) reply({ kind: 'dead-letter' });
    else this.#surroundings.deadLetter(this.address, message);
  }
}
