package nexmark;

import java.util.Map;

/**
 * What bench/nexmark/queries says, in Flink's SQL; q6 cannot be said in it, q10 and q13 need
 * connectors.
 */
final class Queries {
  private static final String RANKED =
      """
      COUNT(*) AS bids,
      COUNT(*) FILTER (WHERE price < 10000) AS bids1,
      COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS bids2,
      COUNT(*) FILTER (WHERE price >= 1000000) AS bids3,
      COUNT(DISTINCT bidder) AS bidders,
      COUNT(DISTINCT bidder) FILTER (WHERE price < 10000) AS bidders1,
      COUNT(DISTINCT bidder) FILTER (WHERE price >= 10000 AND price < 1000000) AS bidders2,
      COUNT(DISTINCT bidder) FILTER (WHERE price >= 1000000) AS bidders3,
      COUNT(DISTINCT auction) AS auctions,
      COUNT(DISTINCT auction) FILTER (WHERE price < 10000) AS auctions1,
      COUNT(DISTINCT auction) FILTER (WHERE price >= 10000 AND price < 1000000) AS auctions2,
      COUNT(DISTINCT auction) FILTER (WHERE price >= 1000000) AS auctions3
      """;

  private static final String HOPPING =
      """
      SELECT auction, COUNT(*) AS num, window_start, window_end
      FROM TABLE(HOP(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
      GROUP BY auction, window_start, window_end
      """;

  private static final String TEXT =
      """
      -- q0
      SELECT auction, bidder, price, channel, url, `dateTime`, extra FROM bid
      -- q1
      SELECT auction, bidder, CAST(0.908 AS DOUBLE) * price AS price, channel, url, `dateTime`, extra FROM bid
      -- q2
      SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0
      -- q3
      SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id
      WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')
      -- q4
      SELECT category, COUNT(*) AS auctions, AVG(CAST(highest AS DOUBLE)) AS price FROM (
        SELECT a.id, a.category, MAX(b.price) AS highest FROM auction a JOIN bid b
        ON b.auction = a.id AND b.`dateTime` BETWEEN a.`dateTime` AND a.expires GROUP BY a.id, a.category)
      GROUP BY category
      -- q5
      SELECT per_auction.auction, per_auction.num, per_auction.window_end FROM (${HOPPING}) per_auction JOIN (
        SELECT MAX(num) AS most, window_start, window_end FROM (${HOPPING}) GROUP BY window_start, window_end) highest_
      ON per_auction.window_start = highest_.window_start AND per_auction.window_end = highest_.window_end AND per_auction.num >= highest_.most
      -- q7
      SELECT b.auction, b.price, b.bidder, b.`dateTime`, b.extra FROM bid b JOIN (
        SELECT MAX(price) AS highest, window_end AS ended
        FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND)) GROUP BY window_start, window_end) w
      ON b.price = w.highest WHERE b.`dateTime` BETWEEN w.ended - INTERVAL '10' SECOND AND w.ended
      -- q8
      SELECT p.id, p.name, p.window_start FROM (
        SELECT id, name, window_start, window_end
        FROM TABLE(TUMBLE(TABLE person, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
        GROUP BY id, name, window_start, window_end) p JOIN (
        SELECT seller, window_start, window_end
        FROM TABLE(TUMBLE(TABLE auction, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
        GROUP BY seller, window_start, window_end) a
      ON p.id = a.seller AND p.window_start = a.window_start AND p.window_end = a.window_end
      -- q9
      SELECT id, itemName, description, initialBid, reserve, opened, expires, seller, category, extra, bidder, price,
        bidTime, bidExtra FROM (
        SELECT a.id, a.itemName, a.description, a.initialBid, a.reserve, a.`dateTime` AS opened, a.expires, a.seller,
          a.category, a.extra, b.bidder, b.price, b.`dateTime` AS bidTime, b.extra AS bidExtra,
          ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.`dateTime` ASC) AS place
        FROM auction a JOIN bid b ON b.auction = a.id AND b.`dateTime` BETWEEN a.`dateTime` AND a.expires)
      WHERE place <= 1
      -- q11
      SELECT bidder, COUNT(*) AS bids, window_start, window_end
      FROM TABLE(SESSION(TABLE bid PARTITION BY bidder, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
      GROUP BY bidder, window_start, window_end
      -- q12
      SELECT bidder, COUNT(*) AS bids, window_start, window_end
      FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(proc), INTERVAL '10' SECOND)) GROUP BY bidder, window_start, window_end
      -- q14
      SELECT auction, bidder, CAST(0.908 AS DOUBLE) * price AS price,
        CASE WHEN HOUR(`dateTime`) BETWEEN 8 AND 18 THEN 'dayTime'
          WHEN HOUR(`dateTime`) <= 6 OR HOUR(`dateTime`) >= 20 THEN 'nightTime' ELSE 'otherTime' END AS label,
        `dateTime`, extra, COUNT_CHAR(extra, 'c') AS cCounts
      FROM bid WHERE CAST(0.908 AS DOUBLE) * price > 1000000 AND CAST(0.908 AS DOUBLE) * price < 50000000
      -- q15
      SELECT DATE_FORMAT(`dateTime`, 'yyyy-MM-dd') AS day_, ${RANKED} FROM bid
      GROUP BY DATE_FORMAT(`dateTime`, 'yyyy-MM-dd')
      -- q16
      SELECT channel, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd') AS day_, MAX(DATE_FORMAT(`dateTime`, 'HH:mm')) AS minute_,
        ${RANKED} FROM bid GROUP BY channel, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd')
      -- q17
      SELECT auction, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd') AS day_, COUNT(*) AS bids,
        COUNT(*) FILTER (WHERE price < 10000) AS bids1,
        COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS bids2,
        COUNT(*) FILTER (WHERE price >= 1000000) AS bids3,
        MIN(price) AS lowest, MAX(price) AS highest, AVG(CAST(price AS DOUBLE)) AS mean, SUM(price) AS total
      FROM bid GROUP BY auction, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd')
      -- q18
      SELECT auction, bidder, price, channel, url, `dateTime`, extra FROM (
        SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY `dateTime` DESC) AS place FROM bid)
      WHERE place <= 1
      -- q19
      SELECT auction, bidder, price, channel, url, `dateTime`, extra, place FROM (
        SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS place FROM bid)
      WHERE place <= 10
      -- q20
      SELECT b.auction, b.bidder, b.price, b.channel, b.url, b.`dateTime`, b.extra, a.itemName, a.description,
        a.initialBid, a.reserve, a.`dateTime` AS opened, a.expires, a.seller, a.category, a.extra AS auctionExtra
      FROM bid b JOIN auction a ON b.auction = a.id WHERE a.category = 10
      -- q21
      SELECT auction, bidder, price, channel,
        CASE LOWER(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1' WHEN 'facebook' THEN '2'
          WHEN 'baidu' THEN '3' ELSE REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2) END AS channelId
      FROM bid WHERE LOWER(channel) IN ('apple', 'google', 'facebook', 'baidu')
        OR REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2) IS NOT NULL
      -- q22
      SELECT auction, bidder, price, channel, SPLIT_INDEX(url, '/', 3) AS dir1, SPLIT_INDEX(url, '/', 4) AS dir2,
        SPLIT_INDEX(url, '/', 5) AS dir3 FROM bid
      -- q23
      SELECT b.auction, b.bidder, b.price, b.channel, b.`dateTime`, b.extra, p.name, p.city, p.state, a.id AS opened,
        a.itemName, a.category
      FROM bid b JOIN person p ON p.id = b.bidder JOIN auction a ON a.seller = b.bidder
      """;

  private static final Map<String, String> SQL = parsed();

  private Queries() {}

  static String sql(String query) {
    String found = SQL.get(query);
    if (found == null) throw new IllegalArgumentException("no SQL for " + query);
    return found;
  }

  private static Map<String, String> parsed() {
    var all = new java.util.HashMap<String, String>();
    for (String part : TEXT.split("-- ")) {
      int end = part.indexOf('\n');
      if (end > 0) {
        String sql = part.substring(end + 1).strip();
        all.put(
            part.substring(0, end).strip(),
            sql.replace("${HOPPING}", HOPPING).replace("${RANKED}", RANKED));
      }
    }
    return all;
  }
}
