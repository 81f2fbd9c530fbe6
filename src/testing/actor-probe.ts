/** Stands in a test where an actor of a definition would stand: keeps what comes, and answers as it is told to. */

import type { ActorContext, ActorRef } from '../actors/actor-context.js';
import type {
  AnswerOf,
  AnyDefinition,
  MessageName,
  MessageOf,
} from '../actors/actor-definition.js';
import { HoldfastError } from '../base/errors.js';

/** A message of that name, as a value. */
type Message<D, N> = MessageOf<D, N> extends readonly [] ? undefined : MessageOf<D, N>[0];

/** What has come to a probe. */
export interface ProbeMessage {
  readonly handler: string;
  readonly message: unknown;
  /** Undefined: it comes from the test. */
  readonly sender: ActorRef | undefined;
}

export interface ProbeParts {
  readonly name: string;
  readonly settle: () => Promise<void>;
}

/** @typeParam D the definition whose place it takes */
export class ActorProbe<D extends AnyDefinition> {
  /** To be given to actors in the place of one of `D`. Set by who spawns it. */
  ref!: ActorRef<D>;
  /** To be spawned in the place of the other. */
  readonly definition: AnyDefinition;
  readonly #settle: () => Promise<void>;
  readonly #answers = new Map<string, (message: never) => unknown>();
  #waiting: ProbeMessage[] = [];

  constructor(original: D, { name, settle }: ProbeParts) {
    this.#settle = settle;
    const handlers = Object.keys(original.handlers as object).map((handler) => [
      handler,
      (_state: object, message: unknown, ctx: ActorContext) => {
        const answer = this.#answers.get(handler)?.(message as never);
        this.#waiting.push({ handler, message, sender: ctx.sender });
        return answer;
      },
    ]);
    this.definition = Object.freeze({
      ...original,
      name,
      initial: () => ({}),
      handlers: Object.fromEntries(handlers),
      onError: 'resume',
    });
  }

  /** From now on, whoever asks it that gets what `answer` returns, or throws. Before: undefined. */
  answer<N extends MessageName<D>>(
    handler: N,
    answer: (message: Message<D, N>) => AnswerOf<D, N>,
  ): void {
    this.#answers.set(handler, answer as (message: never) => unknown);
  }

  /**
   * Lets the actors do what they have to do, without any time, then takes the first message that has come and that no
   * `next` has taken.
   * @throws HoldfastError ERR_HOLDFAST_PROBE when nothing has come, or something else has come first
   */
  async next<N extends MessageName<D>>(handler: N): Promise<Message<D, N>> {
    await this.#settle();
    const [first] = this.#waiting;
    if (first?.handler !== handler) {
      const what = first === undefined ? 'nothing has come' : `'${first.handler}' has come first`;
      throw this.#wrong(
        `expected '${handler}', but ${what}. What takes time comes when the test lets time go on: advance(ms).`,
      );
    }
    this.#waiting.shift();
    return first.message as Message<D, N>;
  }

  /** As `next`, but nothing must have come. @throws HoldfastError ERR_HOLDFAST_PROBE */
  async none(): Promise<void> {
    await this.#settle();
    if (this.#waiting.length > 0) throw this.#wrong('expected nothing');
  }

  /** Takes all that has come since the last `take` or `next`, with who has sent it. */
  async take(): Promise<readonly ProbeMessage[]> {
    await this.#settle();
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }

  #wrong(problem: string): HoldfastError {
    const waiting = this.#waiting.map(({ handler }) => handler);
    const rest = waiting.length === 0 ? '' : ` Not taken yet: ${waiting.join(', ')}.`;
    return new HoldfastError('ERR_HOLDFAST_PROBE', `probe '${this.ref.path}' ${problem}${rest}`, {
      details: { path: this.ref.path, waiting },
    });
  }
}
