package nexmark;

import java.util.Set;
import org.apache.flink.configuration.*;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.source.*;
import org.apache.flink.table.data.*;
import org.apache.flink.table.factories.*;

/** The table connector 'nexmark': rows of (event_type, person, auction, bid). */
public class NexmarkTable implements DynamicTableSourceFactory {
  static final ConfigOption<Long> EVENTS = ConfigOptions.key("events").longType().noDefaultValue();

  @Override
  public String factoryIdentifier() {
    return "nexmark";
  }

  @Override
  public Set<ConfigOption<?>> requiredOptions() {
    return Set.of(EVENTS);
  }

  @Override
  public Set<ConfigOption<?>> optionalOptions() {
    return Set.of();
  }

  @Override
  public DynamicTableSource createDynamicTableSource(Context c) {
    FactoryUtil.TableFactoryHelper h = FactoryUtil.createTableFactoryHelper(this, c);
    h.validate();
    return new Table(h.getOptions().get(EVENTS));
  }

  static final class Table implements ScanTableSource {
    final long events;

    Table(long events) {
      this.events = events;
    }

    @Override
    public ChangelogMode getChangelogMode() {
      return ChangelogMode.insertOnly();
    }

    @Override
    public ScanRuntimeProvider getScanRuntimeProvider(ScanContext c) {
      return SourceProvider.of(new NexmarkSource<RowData>(events, NexmarkTable::row, null));
    }

    @Override
    public DynamicTableSource copy() {
      return new Table(events);
    }

    @Override
    public String asSummaryString() {
      return "nexmark";
    }
  }

  static StringData s(String x) {
    return StringData.fromString(x);
  }

  static TimestampData t(long x) {
    return TimestampData.fromEpochMillis(x);
  }

  static RowData row(long id, Gen g) {
    int k = Gen.kind(id);
    if (k == 2) {
      Bid b = g.bid(id, new Bid());
      return GenericRowData.of(
          2,
          null,
          null,
          GenericRowData.of(
              b.auction, b.bidder, b.price, s(b.channel), s(b.url), t(b.dateTime), s(b.extra)));
    }
    if (k == 1) {
      Auction a = g.auction(id, new Auction());
      return GenericRowData.of(
          1,
          null,
          GenericRowData.of(
              a.id,
              s(a.itemName),
              s(a.description),
              a.initialBid,
              a.reserve,
              t(a.dateTime),
              t(a.expires),
              a.seller,
              a.category,
              s(a.extra)),
          null);
    }
    Person p = g.person(id, new Person());
    return GenericRowData.of(
        0,
        GenericRowData.of(
            p.id,
            s(p.name),
            s(p.emailAddress),
            s(p.creditCard),
            s(p.city),
            s(p.state),
            t(p.dateTime),
            s(p.extra)),
        null,
        null);
  }
}
