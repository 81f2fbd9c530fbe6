/**
 * Nexmark's queries. Each has `build`, which makes a
 * stream of rows of the stream of events (and of the environment, for a query with a source of its own), and `sql`,
 * which says the same of the tables person, auction and bid, and was written from the query's meaning. A query
 * whose rows replace earlier ones says with `updates` which these are; one whose rows differ from run to run gives
 * with `compared` the table of what does not. One whose answer is files in folders gives with `partitionBy` a row's folder.
 */

import { q0 } from './q0.mjs';
import { q1 } from './q1.mjs';
import { q2 } from './q2.mjs';
import { q3 } from './q3.mjs';
import { q4 } from './q4.mjs';
import { q5 } from './q5.mjs';
import { q6 } from './q6.mjs';
import { q7 } from './q7.mjs';
import { q8 } from './q8.mjs';
import { q9 } from './q9.mjs';
import { q10 } from './q10.mjs';
import { q11 } from './q11.mjs';
import { q12 } from './q12.mjs';
import { q13 } from './q13.mjs';
import { q14 } from './q14.mjs';
import { q15 } from './q15.mjs';
import { q16 } from './q16.mjs';
import { q17 } from './q17.mjs';
import { q18 } from './q18.mjs';
import { q19 } from './q19.mjs';
import { q20 } from './q20.mjs';
import { q21 } from './q21.mjs';
import { q22 } from './q22.mjs';
import { q23 } from './q23.mjs';

export const QUERIES = {
  q0,
  q1,
  q2,
  q3,
  q4,
  q5,
  q6,
  q7,
  q8,
  q9,
  q10,
  q11,
  q12,
  q13,
  q14,
  q15,
  q16,
  q17,
  q18,
  q19,
  q20,
  q21,
  q22,
  q23,
};
