package nexmark;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * One query in a local mini cluster: `--query q5 --api ds|sql --events N --warm N --parallelism P`
 * prints a line of JSON. A run of `--warm` events in the same JVM comes first. `--fingerprint N`
 * prints a hash of the first N events.
 */
public final class Main {
  static final class Options {
    String query = "q0";
    String api = "sql";
    long events = 1_000_000;
    long warm = 1_000_000;
    int parallelism = 2;
    long count;
  }

  private static final com.sun.management.OperatingSystemMXBean OS =
      (com.sun.management.OperatingSystemMXBean)
          java.lang.management.ManagementFactory.getOperatingSystemMXBean();

  public static void main(String[] args) throws Exception {
    Options options = new Options();
    for (int i = 0; i < args.length; i += 2) {
      String value = args[i + 1];
      switch (args[i]) {
        case "--query" -> options.query = value;
        case "--api" -> options.api = value;
        case "--events" -> options.events = Long.parseLong(value);
        case "--warm" -> options.warm = Long.parseLong(value);
        case "--parallelism" -> options.parallelism = Integer.parseInt(value);
        case "--fingerprint" -> {
          System.out.println(fingerprint(Long.parseLong(value)));
          return;
        }
        default -> throw new IllegalArgumentException(args[i]);
      }
    }
    if (options.warm > 0) {
      options.count = options.warm;
      once(options);
    }
    options.count = options.events;
    System.out.println(once(options));
    System.exit(0);
  }

  /** SHA-256 over all fields of the events, `|` behind each. */
  private static String fingerprint(long events) throws Exception {
    MessageDigest hash = MessageDigest.getInstance("SHA-256");
    Gen gen = new Gen();
    for (long id = 0; id < events; id++) {
      StringBuilder text = new StringBuilder();
      for (Object field : fields(id, gen)) text.append(field).append('|');
      hash.update(text.toString().getBytes(StandardCharsets.ISO_8859_1));
    }
    return HexFormat.of().formatHex(hash.digest());
  }

  private static Object[] fields(long id, Gen gen) {
    switch (Gen.kind(id)) {
      case 0:
        {
          Person p = gen.person(id, new Person());
          return new Object[] {
            p.id, p.name, p.emailAddress, p.creditCard, p.city, p.state, p.dateTime, p.extra
          };
        }
      case 1:
        {
          Auction a = gen.auction(id, new Auction());
          return new Object[] {
            a.id,
            a.itemName,
            a.description,
            a.initialBid,
            a.reserve,
            a.dateTime,
            a.expires,
            a.seller,
            a.category,
            a.extra
          };
        }
      default:
        {
          Bid b = gen.bid(id, new Bid());
          return new Object[] {b.auction, b.bidder, b.price, b.channel, b.url, b.dateTime, b.extra};
        }
    }
  }

  private static Configuration configuration(Path checkpoints) {
    Map<String, String> all = new HashMap<>();
    all.put("state.backend.type", "hashmap");
    all.put("pipeline.object-reuse", "true");
    all.put("pipeline.generic-types", "false");
    all.put("execution.checkpointing.interval", "1 s");
    all.put("execution.checkpointing.mode", "EXACTLY_ONCE");
    all.put("execution.checkpointing.storage", "filesystem");
    all.put("execution.checkpointing.dir", checkpoints.toUri().toString());
    all.put("taskmanager.memory.network.min", "256m");
    all.put("taskmanager.memory.network.max", "256m");
    return Configuration.fromMap(all);
  }

  private static String once(Options options) throws Exception {
    Path checkpoints = Files.createTempDirectory("holdfast-flink-");
    NexmarkSource.firstNanos = 0;
    Tally.ROWS.reset();
    System.gc();
    StreamExecutionEnvironment env =
        StreamExecutionEnvironment.createLocalEnvironment(
            options.parallelism, configuration(checkpoints));
    JobClient client;
    if (options.api.equals("sql")) {
      client = Sql.start(env, options).getJobClient().get();
    } else {
      Jobs.build(env, options);
      client = env.executeAsync(options.query);
    }
    var result = client.getJobExecutionResult();
    long firstCpu = 0;
    while (!result.isDone()) {
      Thread.sleep(20);
      if (firstCpu == 0 && NexmarkSource.firstNanos != 0) firstCpu = OS.getProcessCpuTime();
    }
    long ended = System.nanoTime();
    long cpu = OS.getProcessCpuTime();
    result.get();
    double seconds = (ended - NexmarkSource.firstNanos) / 1e9;
    double cpuSeconds = (cpu - firstCpu) / 1e9;
    delete(checkpoints.toFile());
    return String.format(
        Locale.ROOT,
        "{\"query\":\"%s\",\"api\":\"%s\",\"events\":%d,\"seconds\":%.3f,\"cpuSeconds\":%.3f,"
            + "\"perCpuSecond\":%.0f,\"rows\":%d}",
        options.query,
        options.api,
        options.count,
        seconds,
        cpuSeconds,
        options.count / cpuSeconds,
        Tally.ROWS.sum());
  }

  private static void delete(File file) {
    File[] inside = file.listFiles();
    if (inside != null) for (File one : inside) delete(one);
    file.delete();
  }
}
