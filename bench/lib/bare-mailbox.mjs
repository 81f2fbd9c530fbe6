/**
 * What no actor can be faster than: a mailbox, a handler found by its name, a plain state. No drafts, no addresses, no
 * copies, no errors handled, nothing that could be described or restored.
 */

class Letter {
  constructor(handler, message) {
    this.handler = handler;
    this.message = message;
    this.next = undefined;
  }
}

class BareActor {
  constructor(state, handlers) {
    this.state = state;
    this.handlers = new Map(Object.entries(handlers));
    this.first = undefined;
    this.last = undefined;
  }

  send(handler, message) {
    const letter = new Letter(handler, message);
    if (this.last === undefined) this.first = letter;
    else this.last.next = letter;
    this.last = letter;
  }

  run() {
    for (let letter = this.first; letter !== undefined; letter = this.first) {
      this.first = letter.next;
      if (this.first === undefined) this.last = undefined;
      this.handlers.get(letter.handler)(this.state, letter.message);
    }
  }
}

/** @returns what was counted: batches of messages to an actor, which are handled in turn with the sending */
export function countBarely(messages, batch = 500) {
  const counter = new BareActor(
    { count: 0 },
    {
      increment(state) {
        state.count += 1;
      },
    },
  );
  for (let left = messages; left > 0; left -= batch) {
    for (let i = 0; i < Math.min(batch, left); i += 1) counter.send('increment');
    counter.run();
  }
  return counter.state.count;
}
