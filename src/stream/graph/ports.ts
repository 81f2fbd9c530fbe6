/**
 * Ports: the inputs that an operator tells apart. Most have one, port 0. Several edges may lead to one port (a union),
 * in the order of `GraphNode.inputs`.
 *
 * A checkpoint names what was in flight to an operator by port, and by the edge's place among those of the port. So a
 * stream more on one port renames no edge of another.
 */

interface Ported {
  readonly port?: number | undefined;
}

/** A place in a node's inputs: which of the edges to which port. */
export interface PortPlace {
  readonly port: number;
  readonly input: number;
}

/** The place of the edge that is `inputs[at]`. */
export function placeAt(inputs: readonly Ported[], at: number): PortPlace {
  const port = portOf(inputs[at]!);
  const input = inputs.slice(0, at).filter((other) => portOf(other) === port).length;
  return { port, input };
}

/** The edge at that place; undefined when there is none. */
export function inputAt<I extends Ported>(
  inputs: readonly I[],
  { port, input }: PortPlace,
): I | undefined {
  return inputs.filter((one) => portOf(one) === port)[input];
}

function portOf({ port }: Ported): number {
  return port ?? 0;
}
