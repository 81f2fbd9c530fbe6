package nexmark;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.*;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.*;
import org.apache.flink.types.StringValue;

/** By hand: no reflection, no null flags. */
public final class BidSerializer extends TypeSerializerSingleton<Bid> {
  public static final BidSerializer INSTANCE = new BidSerializer();

  @Override
  public boolean isImmutableType() {
    return false;
  }

  @Override
  public Bid createInstance() {
    return new Bid();
  }

  @Override
  public Bid copy(Bid f) {
    return copy(f, new Bid());
  }

  @Override
  public Bid copy(Bid f, Bid t) {
    t.auction = f.auction;
    t.bidder = f.bidder;
    t.price = f.price;
    t.channel = f.channel;
    t.url = f.url;
    t.dateTime = f.dateTime;
    t.extra = f.extra;
    return t;
  }

  @Override
  public int getLength() {
    return -1;
  }

  @Override
  public void serialize(Bid b, DataOutputView o) throws IOException {
    o.writeLong(b.auction);
    o.writeLong(b.bidder);
    o.writeLong(b.price);
    o.writeLong(b.dateTime);
    StringValue.writeString(b.channel, o);
    StringValue.writeString(b.url, o);
    StringValue.writeString(b.extra, o);
  }

  @Override
  public Bid deserialize(DataInputView i) throws IOException {
    return deserialize(new Bid(), i);
  }

  @Override
  public Bid deserialize(Bid b, DataInputView i) throws IOException {
    b.auction = i.readLong();
    b.bidder = i.readLong();
    b.price = i.readLong();
    b.dateTime = i.readLong();
    b.channel = StringValue.readString(i);
    b.url = StringValue.readString(i);
    b.extra = StringValue.readString(i);
    return b;
  }

  @Override
  public void copy(DataInputView i, DataOutputView o) throws IOException {
    serialize(deserialize(i), o);
  }

  @Override
  public TypeSerializerSnapshot<Bid> snapshotConfiguration() {
    return new Snapshot();
  }

  public static final class Snapshot extends SimpleTypeSerializerSnapshot<Bid> {
    public Snapshot() {
      super(() -> INSTANCE);
    }
  }
}
