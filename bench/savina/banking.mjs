/** Transfers between accounts; each waits until the other account has taken the money. */

import { defineActor } from '../../dist/actors/index.js';

const ACCOUNTS = 100;
const START = 1_000_000;

const Account = defineActor(import.meta.url, 'Account', {
  initial: () => ({ balance: START, asked: 0 }),
  handlers: {
    transfer(state, { to, amount }, ctx) {
      state.balance -= amount;
      state.asked += 1;
      ctx.ask(to, 'deposit', amount, { reply: 'taken', tag: ctx.replyLater() });
    },
    deposit(state, amount) {
      state.balance += amount;
      return true;
    },
    taken(_state, { value, tag }, ctx) {
      ctx.reply(value, tag);
    },
    balance: (state) => state.balance,
  },
});

const Teller = defineActor(import.meta.url, 'Teller', {
  initial: ({ accounts, transfers }) => ({
    accounts,
    left: transfers,
    open: transfers,
    done: undefined,
  }),
  handlers: {
    start(state, _message, ctx) {
      state.done = ctx.replyLater();
      for (let i = 0; i < 50; i += 1) ctx.send(ctx.self, 'next');
    },
    next(state, _message, ctx) {
      if (state.left === 0) return;
      state.left -= 1;
      const from = (state.left * 7) % ACCOUNTS;
      const to = state.accounts[(from + 1 + (state.left % (ACCOUNTS - 1))) % ACCOUNTS];
      const amount = 1 + (state.left % 10);
      ctx.ask(state.accounts[from], 'transfer', { to, amount }, { reply: 'transferred' });
    },
    transferred(state, { ok }, ctx) {
      if (ok) state.open -= 1;
      if (state.left > 0) ctx.send(ctx.self, 'next');
      else if (state.open === 0) ctx.reply('all', state.done);
    },
  },
});

export default {
  sizes: { full: 50_000, smoke: 500 },
  messages: (transfers) => 5 * transfers,
  async run({ spawn, ask }, transfers) {
    const accounts = Array.from({ length: ACCOUNTS }, () => spawn(Account));
    const teller = spawn(Teller, { accounts, transfers });
    const taken = await ask(teller, 'start');
    const balances = await Promise.all(accounts.map((account) => ask(account, 'balance')));
    return { taken, sum: balances.reduce((a, b) => a + b, 0) };
  },
  expected: () => ({ taken: 'all', sum: ACCOUNTS * START }),
};
