/** What operators without state share: their output, and watermarks that pass through. */

import type { Operator, OperatorContext, Receiver } from '../operator.js';

export abstract class StatelessOperator implements Operator {
  protected output!: Receiver;

  open(context: OperatorContext): void {
    this.output = context.output;
  }

  abstract onElement(record: unknown, timestamp: number, group: number, behind: number): void;

  onWatermark(timeMs: number): void {
    this.output.onWatermark(timeMs);
  }

  onIdle(isSilent: boolean): void {
    this.output.onIdle?.(isSilent);
  }
}
