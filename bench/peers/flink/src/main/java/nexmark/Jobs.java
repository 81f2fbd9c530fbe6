package nexmark;

import java.time.Duration;
import java.util.*;
import org.apache.flink.api.common.eventtime.*;
import org.apache.flink.api.common.functions.*;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.*;
import org.apache.flink.api.common.typeinfo.*;
import org.apache.flink.api.java.tuple.*;
import org.apache.flink.runtime.state.*;
import org.apache.flink.streaming.api.datastream.*;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.co.KeyedCoProcessFunction;
import org.apache.flink.streaming.api.functions.windowing.*;
import org.apache.flink.streaming.api.operators.*;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.api.windowing.assigners.*;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.util.Collector;

/** The DataStream versions. Records of the source are reused: what keeps one must copy it. */
final class Jobs {
  static final TypeInformation<Event> EVENT = TypeInformation.of(Event.class);

  static final class Scratch {
    final Event e = new Event();
    final Bid b = new Bid();
    final Auction a = new Auction();
    final Person p = new Person();
  }

  /** All three kinds are made, as in the reference; bids reuse one object per instance. */
  static final class MakeEvent implements NexmarkSource.Maker<Event> {
    private transient Map<Gen, Scratch> all;
    private transient Gen last;
    private transient Scratch s;

    public Event make(long id, Gen g) {
      if (g != last) {
        if (all == null) all = new IdentityHashMap<>();
        synchronized (all) {
          s = all.computeIfAbsent(g, x -> new Scratch());
        }
        last = g;
      }
      Event e = s.e;
      int k = Gen.kind(id);
      e.kind = k;
      if (k == 2) {
        e.bid = g.bid(id, s.b);
        e.auction = null;
        e.person = null;
      } else if (k == 1) {
        e.auction = g.auction(id, s.a);
        e.bid = null;
        e.person = null;
      } else {
        e.person = g.person(id, s.p);
        e.bid = null;
        e.auction = null;
      }
      return e;
    }
  }

  static DataStream<Event> events(StreamExecutionEnvironment env, Main.Options o) {
    WatermarkStrategy<Event> w =
        o.query.equals("q0") || o.query.equals("q3")
            ? WatermarkStrategy.noWatermarks()
            : WatermarkStrategy.forBoundedOutOfOrderness(Duration.ofSeconds(4));
    return env.fromSource(new NexmarkSource<>(o.count, new MakeEvent(), EVENT), w, "nexmark");
  }

  static DataStream<Bid> bids(StreamExecutionEnvironment env, Main.Options o) {
    return events(env, o).filter(e -> e.kind == 2).map(e -> e.bid).returns(new BidInfo());
  }

  static void build(StreamExecutionEnvironment env, Main.Options o) {
    switch (o.query) {
      case "q0":
        bids(env, o).sinkTo(new Tally<>());
        break;
      case "q5":
        q5(env, o);
        break;
      case "q7":
        q7(env, o);
        break;
      case "q8":
        {
          DataStream<Event> e = events(env, o);
          DataStream<Tuple3<Long, String, Long>> p =
              e.filter(x -> x.kind == 0)
                  .map(x -> Tuple3.of(x.person.id, x.person.name, x.person.dateTime))
                  .returns(Types.TUPLE(Types.LONG, Types.STRING, Types.LONG));
          DataStream<Tuple2<Long, Long>> a =
              e.filter(x -> x.kind == 1)
                  .map(x -> Tuple2.of(x.auction.seller, x.auction.dateTime))
                  .returns(Types.TUPLE(Types.LONG, Types.LONG));
          p.keyBy(x -> x.f0).connect(a.keyBy(x -> x.f0)).process(new Q8()).sinkTo(new Tally<>());
          break;
        }
      case "q3":
        {
          DataStream<Event> e = events(env, o);
          DataStream<Tuple4<Long, String, String, String>> p =
              e.filter(x -> x.kind == 0)
                  .map(x -> x.person)
                  .returns(Person.class)
                  .filter(x -> x.state.equals("OR") || x.state.equals("ID") || x.state.equals("CA"))
                  .map(x -> Tuple4.of(x.id, x.name, x.city, x.state))
                  .returns(Types.TUPLE(Types.LONG, Types.STRING, Types.STRING, Types.STRING));
          DataStream<Tuple2<Long, Long>> a =
              e.filter(x -> x.kind == 1)
                  .map(x -> x.auction)
                  .returns(Auction.class)
                  .filter(x -> x.category == 10)
                  .map(x -> Tuple2.of(x.seller, x.id))
                  .returns(Types.TUPLE(Types.LONG, Types.LONG));
          p.keyBy(x -> x.f0).connect(a.keyBy(x -> x.f0)).process(new Q3()).sinkTo(new Tally<>());
          break;
        }
      case "q11": // by hand: one small array of open sessions per bidder
        bids(env, o)
            .map(b -> Tuple2.of(b.bidder, b.dateTime))
            .returns(Types.TUPLE(Types.LONG, Types.LONG))
            .keyBy(t -> t.f0)
            .process(new Sessions())
            .sinkTo(new Tally<>());
        break;
      default:
        throw new IllegalArgumentException(o.query);
    }
  }

  static final class CountAgg<T> implements AggregateFunction<T, long[], Long> {
    public long[] createAccumulator() {
      return new long[1];
    }

    public long[] add(T x, long[] a) {
      a[0]++;
      return a;
    }

    public Long getResult(long[] a) {
      return a[0];
    }

    public long[] merge(long[] a, long[] b) {
      a[0] += b[0];
      return a;
    }
  }

  static final class SumAgg implements AggregateFunction<Tuple3<Long, Long, Long>, long[], Long> {
    public long[] createAccumulator() {
      return new long[1];
    }

    public long[] add(Tuple3<Long, Long, Long> x, long[] a) {
      a[0] += x.f1;
      return a;
    }

    public Long getResult(long[] a) {
      return a[0];
    }

    public long[] merge(long[] a, long[] b) {
      a[0] += b[0];
      return a;
    }
  }

  static final class ToRow
      extends ProcessWindowFunction<Long, Tuple3<Long, Long, Long>, Long, TimeWindow> {
    @Override
    public void process(
        Long key, Context c, Iterable<Long> in, Collector<Tuple3<Long, Long, Long>> out) {
      out.collect(Tuple3.of(key, in.iterator().next(), c.window().getEnd()));
    }
  }

  static final TypeInformation<Tuple3<Long, Long, Long>> ROW =
      Types.TUPLE(Types.LONG, Types.LONG, Types.LONG);

  /** Panes of 2 s first, so that a bid is counted once and not five times. */
  static void q5(StreamExecutionEnvironment env, Main.Options o) {
    bids(env, o)
        .map(b -> b.auction)
        .returns(Types.LONG)
        .keyBy(x -> x)
        .window(TumblingEventTimeWindows.of(Duration.ofSeconds(2)))
        .aggregate(new CountAgg<Long>(), new ToRow())
        .returns(ROW)
        .keyBy(t -> t.f0)
        .window(SlidingEventTimeWindows.of(Duration.ofSeconds(10), Duration.ofSeconds(2)))
        .aggregate(new SumAgg(), new ToRow())
        .returns(ROW)
        .keyBy(t -> t.f2)
        .process(new TopAuctions())
        .sinkTo(new Tally<>());
  }

  static final class TopAuctions
      extends KeyedProcessFunction<Long, Tuple3<Long, Long, Long>, Tuple3<Long, Long, Long>> {
    private transient ValueState<Long> max;
    private transient ListState<Long> top;

    @Override
    public void open(OpenContext c) {
      max = getRuntimeContext().getState(new ValueStateDescriptor<>("max", Types.LONG));
      top = getRuntimeContext().getListState(new ListStateDescriptor<>("top", Types.LONG));
    }

    @Override
    public void processElement(
        Tuple3<Long, Long, Long> t, Context c, Collector<Tuple3<Long, Long, Long>> out)
        throws Exception {
      Long m = max.value();
      if (m == null) c.timerService().registerEventTimeTimer(t.f2);
      if (m == null || t.f1 > m) {
        max.update(t.f1);
        top.clear();
        top.add(t.f0);
      } else if (t.f1.longValue() == m) top.add(t.f0);
    }

    @Override
    public void onTimer(long ts, OnTimerContext c, Collector<Tuple3<Long, Long, Long>> out)
        throws Exception {
      for (Long a : top.get()) out.collect(Tuple3.of(a, max.value(), c.getCurrentKey()));
      top.clear();
      max.clear();
    }
  }

  /**
   * Each instance keeps the best bids of its open windows; one more step takes the best of these.
   */
  static void q7(StreamExecutionEnvironment env, Main.Options o) {
    TypeInformation<Tuple2<Long, Bid>> t =
        new org.apache.flink.api.java.typeutils.TupleTypeInfo<>(Types.LONG, new BidInfo());
    bids(env, o)
        .transform("local max", t, new LocalMax())
        .keyBy(x -> x.f0)
        .process(new GlobalMax())
        .sinkTo(new Tally<>());
  }

  static final class LocalMax extends AbstractStreamOperator<Tuple2<Long, Bid>>
      implements OneInputStreamOperator<Bid, Tuple2<Long, Bid>> {
    private final TreeMap<Long, ArrayList<Bid>> open = new TreeMap<>();
    private transient ListState<Tuple2<Long, Bid>> state;
    private transient long lastEnd;
    private transient ArrayList<Bid> lastList;

    @Override
    public void initializeState(StateInitializationContext c) throws Exception {
      super.initializeState(c);
      state =
          c.getOperatorStateStore()
              .getListState(
                  new ListStateDescriptor<>(
                      "open",
                      new org.apache.flink.api.java.typeutils.TupleTypeInfo<Tuple2<Long, Bid>>(
                          Types.LONG, new BidInfo())));
      for (Tuple2<Long, Bid> t : state.get())
        open.computeIfAbsent(t.f0, k -> new ArrayList<>()).add(t.f1);
    }

    @Override
    public void snapshotState(StateSnapshotContext c) throws Exception {
      super.snapshotState(c);
      state.clear();
      for (Map.Entry<Long, ArrayList<Bid>> e : open.entrySet())
        for (Bid b : e.getValue()) state.add(Tuple2.of(e.getKey(), b));
    }

    @Override
    public void processElement(StreamRecord<Bid> r) {
      Bid b = r.getValue();
      long end = b.dateTime - b.dateTime % 10_000 + 10_000;
      if (end != lastEnd || lastList == null) {
        lastList = open.computeIfAbsent(end, k -> new ArrayList<>());
        lastEnd = end;
      }
      ArrayList<Bid> l = lastList;
      if (!l.isEmpty()) {
        long m = l.get(0).price;
        if (b.price < m) return;
        if (b.price > m) l.clear();
      }
      l.add(BidSerializer.INSTANCE.copy(b));
    }

    @Override
    public void processWatermark(Watermark w) throws Exception {
      while (!open.isEmpty() && open.firstKey() - 1 <= w.getTimestamp()) {
        Map.Entry<Long, ArrayList<Bid>> e = open.pollFirstEntry();
        if (e.getKey() == lastEnd) lastList = null;
        for (Bid b : e.getValue())
          output.collect(new StreamRecord<>(Tuple2.of(e.getKey(), b), e.getKey() - 1));
      }
      super.processWatermark(w);
    }
  }

  static final class GlobalMax extends KeyedProcessFunction<Long, Tuple2<Long, Bid>, Bid> {
    private transient ListState<Bid> top;

    @Override
    public void open(OpenContext c) {
      top = getRuntimeContext().getListState(new ListStateDescriptor<>("top", new BidInfo()));
    }

    @Override
    public void processElement(Tuple2<Long, Bid> t, Context c, Collector<Bid> out)
        throws Exception {
      Iterator<Bid> i = top.get().iterator();
      if (i.hasNext()) {
        long m = i.next().price;
        if (t.f1.price < m) return;
        if (t.f1.price > m) top.clear();
      } else c.timerService().registerEventTimeTimer(t.f0);
      top.add(BidSerializer.INSTANCE.copy(t.f1));
    }

    @Override
    public void onTimer(long ts, OnTimerContext c, Collector<Bid> out) throws Exception {
      for (Bid b : top.get()) out.collect(b);
      top.clear();
    }
  }

  /**
   * A person is born once: at most one window of its own; sellers seen before it wait in state till
   * their window ends.
   */
  static final class Q8
      extends KeyedCoProcessFunction<
          Long, Tuple3<Long, String, Long>, Tuple2<Long, Long>, Tuple3<Long, String, Long>> {
    private transient ValueState<Tuple2<String, Long>> person;
    private transient ValueState<Long> seller;

    /** The window before that, which may still be open: events of two splits come in any order. */
    private transient ValueState<Long> earlier;

    @Override
    public void open(OpenContext c) {
      person =
          getRuntimeContext()
              .getState(new ValueStateDescriptor<>("p", Types.TUPLE(Types.STRING, Types.LONG)));
      seller = getRuntimeContext().getState(new ValueStateDescriptor<>("s", Types.LONG));
      earlier = getRuntimeContext().getState(new ValueStateDescriptor<>("e", Types.LONG));
    }

    private boolean sold(long window) throws Exception {
      Long last = seller.value();
      if (last == null || last == window) return last != null;
      Long before = earlier.value();
      return before != null && before == window;
    }

    static long end(long t) {
      return t - t % 10_000 + 10_000;
    }

    @Override
    public void processElement1(
        Tuple3<Long, String, Long> p, Context c, Collector<Tuple3<Long, String, Long>> out)
        throws Exception {
      long w = end(p.f2);
      if (sold(w)) out.collect(Tuple3.of(p.f0, p.f1, w - 10_000));
      else {
        person.update(Tuple2.of(p.f1, w));
        c.timerService().registerEventTimeTimer(w - 1);
      }
    }

    @Override
    public void processElement2(
        Tuple2<Long, Long> a, Context c, Collector<Tuple3<Long, String, Long>> out)
        throws Exception {
      long w = end(a.f1);
      if (sold(w)) return;
      Tuple2<String, Long> p = person.value();
      if (p != null && p.f1 == w) {
        out.collect(Tuple3.of(a.f0, p.f0, w - 10_000));
        person.clear();
      }
      Long last = seller.value();
      if (last != null && last > w) earlier.update(w);
      else {
        if (last != null) earlier.update(last);
        seller.update(w);
      }
      c.timerService().registerEventTimeTimer(w - 1);
    }

    @Override
    public void onTimer(long ts, OnTimerContext c, Collector<Tuple3<Long, String, Long>> out)
        throws Exception {
      Tuple2<String, Long> p = person.value();
      if (p != null && p.f1 - 1 <= ts) person.clear();
      Long s = seller.value();
      if (s != null && s - 1 <= ts) seller.clear();
      Long e = earlier.value();
      if (e != null && e - 1 <= ts) earlier.clear();
    }
  }

  static final class Q3
      extends KeyedCoProcessFunction<
          Long,
          Tuple4<Long, String, String, String>,
          Tuple2<Long, Long>,
          Tuple4<String, String, String, Long>> {
    private transient ValueState<Tuple4<Long, String, String, String>> person;
    private transient ListState<Long> auctions;

    @Override
    public void open(OpenContext c) {
      person =
          getRuntimeContext()
              .getState(
                  new ValueStateDescriptor<>(
                      "p", Types.TUPLE(Types.LONG, Types.STRING, Types.STRING, Types.STRING)));
      auctions = getRuntimeContext().getListState(new ListStateDescriptor<>("a", Types.LONG));
    }

    @Override
    public void processElement1(
        Tuple4<Long, String, String, String> p,
        Context c,
        Collector<Tuple4<String, String, String, Long>> out)
        throws Exception {
      person.update(p);
      for (Long a : auctions.get()) out.collect(Tuple4.of(p.f1, p.f2, p.f3, a));
    }

    @Override
    public void processElement2(
        Tuple2<Long, Long> a, Context c, Collector<Tuple4<String, String, String, Long>> out)
        throws Exception {
      auctions.add(a.f1);
      Tuple4<Long, String, String, String> p = person.value();
      if (p != null) out.collect(Tuple4.of(p.f1, p.f2, p.f3, a.f1));
    }
  }

  /** Open sessions of a bidder as (start, last, count)*; normally one. */
  static final class Sessions
      extends KeyedProcessFunction<Long, Tuple2<Long, Long>, Tuple4<Long, Long, Long, Long>> {
    static final long GAP = 10_000;
    private transient ValueState<long[]> state;

    @Override
    public void open(OpenContext c) {
      state =
          getRuntimeContext()
              .getState(
                  new ValueStateDescriptor<>(
                      "s", PrimitiveArrayTypeInfo.LONG_PRIMITIVE_ARRAY_TYPE_INFO));
    }

    @Override
    public void processElement(
        Tuple2<Long, Long> t, Context c, Collector<Tuple4<Long, Long, Long, Long>> out)
        throws Exception {
      long[] s = state.value();
      long ts = t.f1;
      if (s == null) {
        state.update(new long[] {ts, ts, 1});
        c.timerService().registerEventTimeTimer(ts + GAP - 1);
        return;
      }
      if (s.length == 3
          && ts > s[0] - GAP
          && ts
              < s[1]
                  + GAP) { // the heap backend copies on value() while a snapshot needs the old one
        if (ts < s[0]) s[0] = ts;
        if (ts > s[1]) s[1] = ts;
        s[2]++;
        state.update(s);
        return;
      }
      ArrayList<long[]> l = new ArrayList<>();
      long[] m = {ts, ts, 1};
      for (int i = 0; i < s.length; i += 3) {
        if (m[0] < s[i + 1] + GAP && s[i] < m[1] + GAP) {
          m[0] = Math.min(m[0], s[i]);
          m[1] = Math.max(m[1], s[i + 1]);
          m[2] += s[i + 2];
        } else l.add(new long[] {s[i], s[i + 1], s[i + 2]});
      }
      l.add(m);
      long[] n = new long[l.size() * 3];
      for (int i = 0; i < l.size(); i++) System.arraycopy(l.get(i), 0, n, i * 3, 3);
      state.update(n);
      c.timerService().registerEventTimeTimer(m[1] + GAP - 1);
    }

    @Override
    public void onTimer(long at, OnTimerContext c, Collector<Tuple4<Long, Long, Long, Long>> out)
        throws Exception {
      long[] s = state.value();
      if (s == null) return;
      int left = 0;
      long next = Long.MAX_VALUE;
      for (int i = 0; i < s.length; i += 3) {
        long end = s[i + 1] + GAP - 1;
        if (end <= at) {
          out.collect(Tuple4.of(c.getCurrentKey(), s[i + 2], s[i], end + 1));
          s[i + 2] = 0;
        } else {
          left++;
          next = Math.min(next, end);
        }
      }
      if (left == 0) {
        state.clear();
        return;
      }
      long[] n = new long[left * 3];
      int k = 0;
      for (int i = 0; i < s.length; i += 3)
        if (s[i + 2] > 0) {
          System.arraycopy(s, i, n, k, 3);
          k += 3;
        }
      state.update(n);
      c.timerService().registerEventTimeTimer(next);
    }
  }
}
