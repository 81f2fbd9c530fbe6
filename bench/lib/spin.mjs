/** Keeps one core busy until the parent ends it. */
for (;;);
