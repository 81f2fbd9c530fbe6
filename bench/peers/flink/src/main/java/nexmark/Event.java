package nexmark;

/** One of the three; never leaves its chain. */
public class Event {
  public int kind;
  public Person person;
  public Auction auction;
  public Bid bid;
}
