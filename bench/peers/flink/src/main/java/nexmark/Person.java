package nexmark;

public class Person {
  public long id;
  public String name, emailAddress, creditCard, city, state;
  public long dateTime;
  public String extra;
}
