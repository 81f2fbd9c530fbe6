/** Quantities for people. */

/** `1 234 567`: groups of three, from five digits on. */
export function formatCount(count: number): string {
  const text = String(Math.round(count));
  return text.length < 5 ? text : text.replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** `1 checkpoint`, `12 345 checkpoints`. */
export function formatNumberOf(count: number, thing: string): string {
  return `${formatCount(count)} ${thing}${count === 1 ? '' : 's'}`;
}

/** `412 k`, `1.3 M`. */
export function formatRate(perSecond: number): string {
  if (perSecond >= 999_500) return `${(perSecond / 1_000_000).toFixed(1)} M`;
  if (perSecond >= 10_000) return `${Math.round(perSecond / 1_000)} k`;
  return formatCount(perSecond);
}

/** `0.4 ms`, `23 ms`, `1.2 s`, `3 min 07 s`. */
export function formatMs(ms: number): string {
  if (ms < 1) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1_000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `812 B`, `1.4 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}
