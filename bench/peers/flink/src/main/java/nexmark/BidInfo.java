package nexmark;

import org.apache.flink.api.common.serialization.SerializerConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.TypeSerializer;

public final class BidInfo extends TypeInformation<Bid> {
  @Override
  public boolean isBasicType() {
    return false;
  }

  @Override
  public boolean isTupleType() {
    return false;
  }

  @Override
  public int getArity() {
    return 7;
  }

  @Override
  public int getTotalFields() {
    return 7;
  }

  @Override
  public Class<Bid> getTypeClass() {
    return Bid.class;
  }

  @Override
  public boolean isKeyType() {
    return false;
  }

  @Override
  public TypeSerializer<Bid> createSerializer(SerializerConfig c) {
    return BidSerializer.INSTANCE;
  }

  @Override
  public String toString() {
    return "BidInfo";
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof BidInfo;
  }

  @Override
  public int hashCode() {
    return 7;
  }

  @Override
  public boolean canEqual(Object o) {
    return o instanceof BidInfo;
  }
}
