/** Takes what a callback emits. */
export interface Output<O> {
  /**
   * Emits a record once the callback has returned. It has the event time of the record, or of the timer, that the
   * callback was called for.
   */
  emit(record: O): void;
}
