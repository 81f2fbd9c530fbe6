import type { Operator } from '../operator.js';
import { StatelessOperator } from './stateless-operator.js';

/** Hands everything on. For places where the graph needs a node and the data needs nothing. */
export function passOperator(): () => Operator {
  return () => new PassOperator();
}

class PassOperator extends StatelessOperator {
  onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
    this.output.onElement(record, timestamp, 0, behind);
  }
}
