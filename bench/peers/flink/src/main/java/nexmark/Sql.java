package nexmark;

import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.*;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.functions.ScalarFunction;

/**
 * The SQL versions: a table for the events, views of the three kinds, a blackhole sink,
 * mini-batches of 2 s.
 */
final class Sql {
  static TableResult start(StreamExecutionEnvironment env, Main.Options o) {
    StreamTableEnvironment t = StreamTableEnvironment.create(env);
    t.getConfig().set("table.exec.mini-batch.enabled", "true");
    t.getConfig().set("table.exec.mini-batch.allow-latency", "2 s");
    t.getConfig().set("table.exec.mini-batch.size", "50000");
    t.getConfig().set("table.optimizer.distinct-agg.split.enabled", "true");
    t.createTemporarySystemFunction("COUNT_CHAR", CountChar.class);
    t.executeSql(
        "CREATE TABLE nexmark (event_type INT, person ROW<id BIGINT, name STRING, emailAddress"
            + " STRING, creditCard STRING, city STRING, state STRING, `dateTime` TIMESTAMP(3),"
            + " extra STRING>, auction ROW<id BIGINT, itemName STRING, description STRING,"
            + " initialBid BIGINT, reserve BIGINT, `dateTime` TIMESTAMP(3), expires TIMESTAMP(3),"
            + " seller BIGINT, category BIGINT, extra STRING>, bid ROW<auction BIGINT, bidder"
            + " BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` TIMESTAMP(3), extra"
            + " STRING>, `dateTime` AS CASE WHEN event_type = 0 THEN person.`dateTime` WHEN"
            + " event_type = 1 THEN auction.`dateTime` ELSE bid.`dateTime` END, proc AS PROCTIME(),"
            + " WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND) WITH ('connector' ="
            + " 'nexmark', 'events' = '"
            + o.count
            + "')");
    t.executeSql(
        "CREATE VIEW person AS SELECT person.id, person.name, person.emailAddress,"
            + " person.creditCard, person.city, person.state, `dateTime`, person.extra FROM nexmark"
            + " WHERE event_type = 0");
    t.executeSql(
        "CREATE VIEW auction AS SELECT auction.id, auction.itemName, auction.description,"
            + " auction.initialBid, auction.reserve, `dateTime`, auction.expires, auction.seller,"
            + " auction.category, auction.extra FROM nexmark WHERE event_type = 1");
    t.executeSql(
        "CREATE VIEW bid AS SELECT bid.auction, bid.bidder, bid.price, bid.channel, bid.url,"
            + " `dateTime`, bid.extra, proc FROM nexmark WHERE event_type = 2");
    String q = Queries.sql(o.query);
    Table table = t.sqlQuery(q);
    t.createTemporaryTable(
        "sink_",
        TableDescriptor.forConnector("blackhole")
            .schema(
                Schema.newBuilder()
                    .fromResolvedSchema(
                        org.apache.flink.table.catalog.ResolvedSchema.physical(
                            table.getResolvedSchema().getColumnNames(),
                            table.getResolvedSchema().getColumnDataTypes().stream()
                                .map(Sql::plain)
                                .collect(java.util.stream.Collectors.toList())))
                    .build())
            .build());
    return t.executeSql("INSERT INTO sink_ " + q);
  }

  /** A rowtime attribute becomes a plain timestamp. */
  static org.apache.flink.table.types.DataType plain(org.apache.flink.table.types.DataType d) {
    return d.getLogicalType()
            .is(org.apache.flink.table.types.logical.LogicalTypeRoot.TIMESTAMP_WITHOUT_TIME_ZONE)
        ? DataTypes.TIMESTAMP(3)
        : d;
  }

  public static final class CountChar extends ScalarFunction {
    public long eval(String text, String wanted) {
      long count = 0;
      for (int i = text.indexOf(wanted); i >= 0; i = text.indexOf(wanted, i + 1)) count++;
      return count;
    }
  }
}
