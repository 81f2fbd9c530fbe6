/**
 * The door of the actor runtime. Nothing is behind it yet.
 *
 * An actor, here as in Hewitt's paper and in Erlang/OTP, has an address that can be sent elsewhere,
 * a mailbox of messages, and a behaviour that for one message may send, create others, and choose what
 * it does with the next one. When it fails, its supervisor is told and restarts it alone.
 *
 * A task of a stream has some of that: private state, one record at a time, failures as data, and a
 * supervisor. But it has no address and no mailbox, and it is restarted with its whole region. So the code
 * of threads calls it a tasklet (`threads/tasklet.ts`), and not an actor.
 *
 * This room will hold definitions, references, mailboxes, `tell` and `ask`, children under the
 * machines of `supervisor`, one logical actor per key placed by `hashring`, and consistent snapshots over
 * cyclic graphs by `checkpoint/channel-recorder.ts`.
 */
export {};
