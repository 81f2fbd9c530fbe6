import type { Operator } from '../operator.js';
import { StatelessOperator } from './stateless-operator.js';

/** Passes everything on: for a place where the graph needs a node but nothing has to be done. */
export function passOperator(): () => Operator {
  return () => new PassOperator();
}

class PassOperator extends StatelessOperator {
  onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
    this.output.onElement(record, timestamp, 0, behind);
  }
}
