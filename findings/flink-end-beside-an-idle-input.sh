#!/usr/bin/env bash
# Apache Flink 2.3.0 (flink-runtime), the part of a task that puts its inputs' watermarks together.
# Guess: an idle input is left out as long as it is idle, so the watermark stays somewhere at what inputs have said
#        of their records; who comes back finds time where others have read to.
# Fact:  an input that ends says Long.MAX_VALUE, and beside an idle one it is the only one to count: the end of one
#        input ends time for all. The idle one comes back, is active, and time stays at the end: whatever it brings is late.
# Seen:  "50 read, idle; the other ends: 20 MAX"; after it is active again with a watermark of 60, nothing.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > pom.xml <<'XML'
<project>
  <modelVersion>4.0.0</modelVersion><groupId>f</groupId><artifactId>f</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.apache.flink</groupId><artifactId>flink-runtime</artifactId><version>2.3.0</version>
  </dependency></dependencies>
</project>
XML
mvn -q -B dependency:build-classpath -Dmdep.outputFile=classpath >/dev/null
cat > Valve.java <<'JAVA'
import java.lang.reflect.Proxy;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.io.PushingAsyncDataInput.DataOutput;
import org.apache.flink.streaming.runtime.watermarkstatus.StatusWatermarkValve;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;

public class Valve {
  public static void main(String[] args) throws Exception {
    var said = new StringBuilder();
    @SuppressWarnings("unchecked")
    var output = (DataOutput<Object>) Proxy.newProxyInstance(
        Valve.class.getClassLoader(), new Class<?>[] {DataOutput.class}, (self, method, given) -> {
          if (given[0] instanceof Watermark w) {
            said.append(' ').append(w.equals(Watermark.MAX_WATERMARK) ? "MAX" : w.getTimestamp());
          }
          return null;
        });
    var valve = new StatusWatermarkValve(2);
    valve.inputWatermark(new Watermark(50), 0, output);
    valve.inputWatermark(new Watermark(20), 1, output);
    valve.inputWatermarkStatus(WatermarkStatus.IDLE, 0, output);
    valve.inputWatermark(Watermark.MAX_WATERMARK, 1, output);
    System.out.println("50 read, idle; the other ends:" + said);
    said.setLength(0);
    valve.inputWatermarkStatus(WatermarkStatus.ACTIVE, 0, output);
    valve.inputWatermark(new Watermark(60), 0, output);
    System.out.println("active again, 60 read:" + said);
  }
}
JAVA
javac -cp "$(cat classpath)" Valve.java
java -cp "$(cat classpath):." Valve 2>/dev/null | tee seen
diff seen - <<'SEEN'
50 read, idle; the other ends: 20 MAX
active again, 60 read:
SEEN
