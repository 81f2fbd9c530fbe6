/** A mistake on the command line: the program says so, points to `--help`, and exits with 2. */

import { HoldfastError } from '../base/errors.js';

export class UsageError extends HoldfastError {
  constructor(message: string) {
    super('ERR_HOLDFAST_BAD_OPTION', message);
  }
}
