export const SPLITS: number;
export const KEYS: number;
export const WINDOW_MS: number;
export function record(i: number): {
  readonly id: number;
  readonly key: string;
  readonly time: number;
};
export function plain(i: number): { readonly id: number; readonly text: string };
export function slow<T>(value: T, microseconds: number): T;
