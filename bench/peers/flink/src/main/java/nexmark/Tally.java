package nexmark;

import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.api.connector.sink2.*;

/** Discards, and counts rows (a plain field; shared only at flush and close). */
public class Tally<T> implements Sink<T> {
  public static final LongAdder ROWS = new LongAdder();

  @Override
  public SinkWriter<T> createWriter(WriterInitContext c) {
    return new SinkWriter<>() {
      long n;

      public void write(T x, Context ctx) {
        n++;
      }

      public void flush(boolean end) {
        ROWS.add(n);
        n = 0;
      }

      public void close() {
        ROWS.add(n);
        n = 0;
      }
    };
  }
}
