package nexmark;

import java.io.File;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static final int PORT = 18_000 + (int) (ProcessHandle.current().pid() % 1_000);
  private static final long POLL_NANOS = 1_000_000_000L;

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
    all.put("rest.bind-port", "" + PORT);
    all.put("rest.address", "localhost");
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
    String statistics = "";
    long firstCpu = 0;
    long polled = System.nanoTime();
    while (!result.isDone()) {
      Thread.sleep(20);
      if (firstCpu == 0 && NexmarkSource.firstNanos != 0) firstCpu = OS.getProcessCpuTime();
      if (System.nanoTime() - polled < POLL_NANOS) continue;
      polled = System.nanoTime();
      statistics = checkpointStatistics(client, statistics);
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
            + "\"perCpuSecond\":%.0f,\"checkpoints\":%s,\"rows\":%d}",
        options.query,
        options.api,
        options.count,
        seconds,
        cpuSeconds,
        options.count / cpuSeconds,
        completed(statistics),
        Tally.ROWS.sum());
  }

  /** The last answer, when there is no better one: the cluster may be on its way out. */
  private static String checkpointStatistics(JobClient client, String last) {
    URI uri =
        URI.create("http://localhost:" + PORT + "/jobs/" + client.getJobID() + "/checkpoints");
    var request = HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(1)).build();
    try {
      return HTTP.send(request, HttpResponse.BodyHandlers.ofString()).body();
    } catch (java.io.IOException | InterruptedException error) {
      return last;
    }
  }

  private static String completed(String statistics) {
    Matcher found = Pattern.compile("\"completed\":(\\d+)").matcher(statistics);
    return found.find() ? found.group(1) : "0";
  }

  private static void delete(File file) {
    File[] inside = file.listFiles();
    if (inside != null) for (File one : inside) delete(one);
    file.delete();
  }
}
