package nexmark;

import java.io.*;
import java.util.*;
import java.util.concurrent.*;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.connector.source.*;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/** Split s of n owns the ids s, s + n, s + 2n…; 128 records a poll. */
public class NexmarkSource<T>
    implements Source<T, NexmarkSource.Split, Integer>, ResultTypeQueryable<T> {
  /** id → record, with a scratch generator of its own thread. */
  public interface Maker<T> extends Serializable {
    T make(long id, Gen gen);
  }

  public static volatile long firstNanos;

  public static final class Split implements SourceSplit {
    final int index, of;
    long next;
    final long end;

    Split(int index, int of, long next, long end) {
      this.index = index;
      this.of = of;
      this.next = next;
      this.end = end;
    }

    public String splitId() {
      return "s" + index;
    }
  }

  private final long count;
  private final Maker<T> maker;
  private final TypeInformation<T> type;

  public NexmarkSource(long count, Maker<T> maker, TypeInformation<T> type) {
    this.count = count;
    this.maker = maker;
    this.type = type;
  }

  @Override
  public TypeInformation<T> getProducedType() {
    return type;
  }

  @Override
  public Boundedness getBoundedness() {
    return count == Long.MAX_VALUE ? Boundedness.CONTINUOUS_UNBOUNDED : Boundedness.BOUNDED;
  }

  @Override
  public SourceReader<T, Split> createReader(SourceReaderContext c) {
    return new Reader(c);
  }

  @Override
  public SplitEnumerator<Split, Integer> createEnumerator(SplitEnumeratorContext<Split> c) {
    return new Enumerator(c, 0);
  }

  @Override
  public SplitEnumerator<Split, Integer> restoreEnumerator(
      SplitEnumeratorContext<Split> c, Integer mask) {
    return new Enumerator(c, mask);
  }

  private final class Enumerator implements SplitEnumerator<Split, Integer> {
    final SplitEnumeratorContext<Split> c;
    int mask;
    final Map<Integer, List<Split>> back = new HashMap<>();

    Enumerator(SplitEnumeratorContext<Split> c, int mask) {
      this.c = c;
      this.mask = mask;
    }

    public void start() {}

    public void handleSplitRequest(int s, String host) {}

    public void addSplitsBack(List<Split> splits, int s) {
      back.put(s, splits);
    }

    public void addReader(int s) {
      List<Split> b = back.remove(s);
      if (b != null) {
        for (Split x : b) c.assignSplit(x, s);
      }
      if ((mask & (1 << s)) == 0) {
        mask |= 1 << s;
        int n = c.currentParallelism();
        c.assignSplit(new Split(s, n, s, count), s);
      }
      c.signalNoMoreSplits(s);
    }

    public Integer snapshotState(long id) {
      return mask;
    }

    public void close() {}
  }

  private final class Reader implements SourceReader<T, Split> {
    final Gen gen = new Gen();
    final SourceReaderContext c;
    Split split;
    boolean noMore;
    CompletableFuture<Void> available = new CompletableFuture<>();

    Reader(SourceReaderContext c) {
      this.c = c;
    }

    public void start() {}

    public InputStatus pollNext(ReaderOutput<T> out) {
      Split s = split;
      if (s == null) {
        if (noMore) return InputStatus.END_OF_INPUT;
        available = new CompletableFuture<>();
        return InputStatus.NOTHING_AVAILABLE;
      }
      int step = s.of;
      long id = s.next;
      long left = (s.end - id - 1) / step + (s.end > id ? 1 : 0);
      if (left <= 0) return InputStatus.END_OF_INPUT;
      int n = (int) Math.min(128, left);
      for (int i = 0; i < n; i++) {
        out.collect(maker.make(id, gen), Gen.time(id));
        id += step;
      }
      s.next = id;
      if (firstNanos == 0) firstNanos = System.nanoTime();
      return InputStatus.MORE_AVAILABLE;
    }

    public List<Split> snapshotState(long id) {
      return split == null
          ? List.of()
          : List.of(new Split(split.index, split.of, split.next, split.end));
    }

    public CompletableFuture<Void> isAvailable() {
      return available;
    }

    public void addSplits(List<Split> l) {
      split = l.get(0);
      available.complete(null);
    }

    public void notifyNoMoreSplits() {
      noMore = true;
      available.complete(null);
    }

    public void close() {}
  }

  @Override
  public SimpleVersionedSerializer<Split> getSplitSerializer() {
    return new SimpleVersionedSerializer<>() {
      public int getVersion() {
        return 1;
      }

      public byte[] serialize(Split s) throws IOException {
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        DataOutputStream d = new DataOutputStream(b);
        d.writeInt(s.index);
        d.writeInt(s.of);
        d.writeLong(s.next);
        d.writeLong(s.end);
        return b.toByteArray();
      }

      public Split deserialize(int v, byte[] x) throws IOException {
        DataInputStream d = new DataInputStream(new ByteArrayInputStream(x));
        return new Split(d.readInt(), d.readInt(), d.readLong(), d.readLong());
      }
    };
  }

  @Override
  public SimpleVersionedSerializer<Integer> getEnumeratorCheckpointSerializer() {
    return new SimpleVersionedSerializer<>() {
      public int getVersion() {
        return 1;
      }

      public byte[] serialize(Integer i) {
        return new byte[] {(byte) (i >> 24), (byte) (i >> 16), (byte) (i >> 8), (byte) (int) i};
      }

      public Integer deserialize(int v, byte[] x) {
        return (x[0] & 255) << 24 | (x[1] & 255) << 16 | (x[2] & 255) << 8 | (x[3] & 255);
      }
    };
  }
}
