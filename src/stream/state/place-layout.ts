/** Places of cells are numbered through segments of memory that never move. */

export const PLACES_SHIFT = 12;
export const PLACES_PER_SEGMENT = 2 ** PLACES_SHIFT;
export const PLACES_MASK = PLACES_PER_SEGMENT - 1;
