/** A text for a message: its first `most` characters (UTF-16 units), and `…` where it goes on. */
export function clipped(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
