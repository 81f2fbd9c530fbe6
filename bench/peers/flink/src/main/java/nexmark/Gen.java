package nexmark;

/**
 * The events of bench/nexmark/generator.mjs with its default options, byte for byte: a pure
 * function of the event id. `Main --fingerprint N` is compared with what Node makes of the same
 * events.
 */
public final class Gen {
  public static final long BASE = 1_700_000_000_000L;
  static final int FIRST = 1000;
  static final int TEXT_LEN = 1 << 20;

  /** The letters go round, so that a long text that starts near the end is whole. */
  static final int TEXT_MORE = 65_536;

  static final int PRICE_STEPS = 4_096;
  static final double[] COARSE = new double[PRICE_STEPS];
  static final double[] FINE = new double[PRICE_STEPS];
  static final String TEXT;
  static final String[] CHANNEL = new String[10_004];
  static final String[] URL = new String[10_004];
  static final String[] CITIES = {
    "Phoenix",
    "Los Angeles",
    "San Francisco",
    "Boise",
    "Portland",
    "Bend",
    "Redmond",
    "Seattle",
    "Kent",
    "Cheyenne"
  };
  static final String[] STATES = {"AZ", "CA", "ID", "OR", "WA", "WY"};
  static final String[] FIRST_NAMES = {
    "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"
  };
  static final String[] LAST_NAMES = {
    "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"
  };

  static {
    powers(powers(1e6, COARSE), FINE);
    Gen g = new Gen();
    g.seed(-1);
    StringBuilder t = new StringBuilder(TEXT_LEN);
    for (int i = 0; i < TEXT_LEN; i++) t.append(g.next(13) == 0 ? ' ' : (char) ('a' + g.next(26)));
    TEXT = t + t.substring(0, TEXT_MORE);
    String[] four = {"Google", "Facebook", "Baidu", "Apple"};
    for (int i = 0; i < 10_004; i++) {
      boolean hot = i < 4;
      CHANNEL[i] = hot ? four[i] : "channel-" + (i - 4);
      String url =
          "https://www.nexmark.com/"
              + g.text(5).replace(' ', '_')
              + "/"
              + g.text(5).replace(' ', '_')
              + "/"
              + g.text(5).replace(' ', '_')
              + "/item.htm?query=1";
      if (!hot && g.next(10) > 0) url += "&channel_id=" + Math.abs((long) Integer.reverse(i - 4));
      URL[i] = url;
    }
  }

  private int a;

  /**
   * Only roots and products, which IEEE 754 rounds in one way in every language. Gives whole^(1 /
   * steps).
   */
  static double powers(double whole, double[] into) {
    java.util.Arrays.fill(into, 1);
    double root = whole;
    for (int bit = into.length / 2; bit >= 1; bit /= 2) {
      root = Math.sqrt(root);
      for (int k = 0; k < into.length; k++) if ((k & bit) != 0) into[k] *= root;
    }
    return root;
  }

  void seed(long id) {
    int h = (int) id ^ ((int) (id >>> 32) * 0x9e3779b1) ^ 0x5bd1e995;
    h ^= h >>> 16;
    h *= 0x85ebca6b;
    h ^= h >>> 13;
    h *= 0xc2b2ae35;
    h ^= h >>> 16;
    a = h;
  }

  private long u32() {
    a += 0x6D2B79F5;
    int t = (a ^ (a >>> 15)) * (1 | a);
    t = (t + (t ^ (t >>> 7)) * (61 | t)) ^ t;
    return (t ^ (t >>> 14)) & 0xffffffffL;
  }

  int next(int n) {
    return (int) ((u32() * n) >>> 32);
  }

  String text(int len) {
    int o = next(TEXT_LEN - 512);
    return TEXT.substring(o, o + len);
  }

  long price() {
    int bits = (int) (u32() >>> 8);
    return (long) Math.floor(COARSE[bits >>> 12] * FINE[bits & 4_095] * 100 + 0.5);
  }

  private String extra(int current, int average) {
    int desired = Math.max(0, average - current);
    int delta = (int) Math.round(desired * 0.2);
    return text(desired - delta + next(2 * delta));
  }

  public static int kind(long id) {
    int o = (int) (id % 50);
    return o == 0 ? 0 : o < 4 ? 1 : 2;
  }

  public static long time(long id) {
    return BASE + id / 100;
  }

  static long lastPerson(long id) {
    return id / 50;
  }

  static long lastAuction(long id) {
    long epoch = id / 50;
    int off = (int) (id % 50);
    if (off < 1) {
      epoch -= 1;
      off = 2;
    } else if (off >= 4) off = 2;
    else off -= 1;
    return epoch * 3 + off;
  }

  private long randomPerson(long id) {
    long people = lastPerson(id) + 1;
    int active = (int) Math.min(people, 1000);
    return people - active + next(active + 10);
  }

  private long randomAuction(long id) {
    long last = lastAuction(id);
    long min = Math.max(last - 100, 0);
    return min + next((int) (last - min + 1 + 10));
  }

  public Bid bid(long id, Bid b) {
    seed(id);
    b.auction = FIRST + (next(2) > 0 ? lastAuction(id) / 100 * 100 : randomAuction(id));
    b.bidder = FIRST + (next(4) > 0 ? lastPerson(id) / 100 * 100 + 1 : randomPerson(id));
    b.price = price();
    int c = next(2) > 0 ? next(4) : 4 + next(10_000);
    b.channel = CHANNEL[c];
    b.url = URL[c];
    b.dateTime = time(id);
    b.extra = extra(32, 100);
    return b;
  }

  public Auction auction(long id, Auction x) {
    seed(id);
    x.id = FIRST + lastAuction(id);
    x.itemName = text(3 + next(17));
    x.description = text(3 + next(97));
    x.initialBid = price();
    x.reserve = x.initialBid + price();
    x.dateTime = time(id);
    x.expires = x.dateTime + 1 + next(33);
    x.seller = FIRST + (next(4) > 0 ? lastPerson(id) / 100 * 100 : randomPerson(id));
    x.category = 10 + next(5);
    x.extra = extra(56 + x.itemName.length() + x.description.length(), 500);
    return x;
  }

  public Person person(long id, Person p) {
    seed(id);
    p.id = FIRST + lastPerson(id);
    p.name = FIRST_NAMES[next(11)] + " " + LAST_NAMES[next(9)];
    p.emailAddress = text(7) + "@" + text(5) + ".com";
    p.creditCard =
        (1000 + next(9000))
            + " "
            + (1000 + next(9000))
            + " "
            + (1000 + next(9000))
            + " "
            + (1000 + next(9000));
    p.city = CITIES[next(10)];
    p.state = STATES[next(6)];
    p.dateTime = time(id);
    p.extra =
        extra(
            16
                + p.name.length()
                + p.emailAddress.length()
                + p.creditCard.length()
                + p.city.length()
                + p.state.length(),
            200);
    return p;
  }
}
