/**
 * What becomes of each operator's state when a job starts from a checkpoint: pure. A start goes by it
 * (recovery-plan.ts), and `holdfast checkpoints --compatible` tells it beforehand.
 *
 *  C1  State without an operator in the new graph is refused, never dropped silently. So are records in flight to
 *      such an operator, and output that a sink has promised, if no sink of that id is there to commit it. All
 *      of that is dropped where the user has named the operator, or the part of its state.
 *  C2  Keyed state may evolve as state-layout.ts says. The first manifests did not tell what state
 *      consists of: for these only the sections themselves tell it, when they are read.
 *  C3  What was in flight to windows that aggregate in two phases are partial results, in the form of these
 *      aggregations. Where the first phase came or went, or the aggregations have changed, it is refused.
 *  C4  Who reads a changelog begins together with who makes it (changelog-compatibility.ts).
 */

import { HoldfastError } from '../../base/errors.js';
import { withArticle } from '../../base/with-article.js';
import { formatError } from '../../checkpoint/storage-errors.js';
import type { Manifest } from '../../checkpoint/store.js';
import type { GraphNodeData } from '../../stream/graph/graph.js';
import type { JobPlan } from '../../stream/graph/plan.js';
import { PRE_AGGREGATE } from '../../stream/operators/partials.js';
import { compareLayouts, kindProblem, stateRefused } from '../../stream/state/state-layout.js';
import { holdsElements, parseChannelSection } from '../../stream/task/channel-state.js';
import { changelogProblem } from './changelog-compatibility.js';

export interface OperatorFate {
  readonly operator: string;
  readonly type: string;
  readonly fate: 'restored' | 'evolved' | 'new' | 'stateless' | 'dropped' | 'refused';
  /** In words for people: what evolves, what is lost, or why the job cannot start. */
  readonly what: string;
}

export interface Compatibility {
  readonly operators: readonly OperatorFate[];
  /** Why the job cannot start from the checkpoint; empty when it can. */
  readonly problems: readonly HoldfastError[];
}

/** @param allowDropped ids of operators, or `operator#name` for a part of its state */
export function compatibilityOf(
  manifest: Manifest,
  plan: JobPlan,
  allowDropped: readonly string[] = [],
): Compatibility {
  const general = generalProblem(manifest, plan);
  if (general !== undefined) return { operators: [], problems: [general] };
  const context: Context = { manifest, plan, allowDropped, fates: [], problems: [] };
  const before = new Map(manifest.operators.map((one) => [one.id, one] as const));
  for (const node of plan.graph.nodes) judgeNode(node, before.get(node.id), context);
  const now = new Set(plan.graph.nodes.map(({ id }) => id));
  const gone = new Set([
    ...manifest.operators.map(({ id }) => id),
    ...manifest.parts.flatMap(({ sections }) => sections.map(({ operator }) => operator)),
    ...manifest.transactions.map(({ operator }) => operator),
  ]);
  for (const id of gone) if (!now.has(id)) judgeGone(id, before.get(id), context);
  if (context.problems.length === 0 && manifest.graphHash === plan.graph.hash) {
    const lacking = plan.graph.nodes.find(({ id }) => !before.has(id));
    if (lacking !== undefined) context.problems.push(lacksOperator(manifest, lacking.id));
  }
  return { operators: context.fates, problems: context.problems };
}

/** @throws HoldfastError ERR_HOLDFAST_KEY_GROUPS_MISMATCH, ERR_HOLDFAST_GRAPH_INCOMPATIBLE */
export function checkCompatible(
  manifest: Manifest,
  plan: JobPlan,
  allowDropped: readonly string[] = [],
): void {
  const [problem] = compatibilityOf(manifest, plan, allowDropped).problems;
  if (problem !== undefined) throw problem;
}

type Before = Manifest['operators'][number];

interface Context {
  readonly manifest: Manifest;
  readonly plan: JobPlan;
  readonly allowDropped: readonly string[];
  readonly fates: OperatorFate[];
  readonly problems: HoldfastError[];
}

function generalProblem(manifest: Manifest, plan: JobPlan): HoldfastError | undefined {
  if (manifest.job !== plan.graph.job) {
    return new HoldfastError(
      'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
      `the checkpoint belongs to job '${manifest.job}', this one is '${plan.graph.job}'. ` +
        "Use another checkpoint directory, or restore: 'none' to start afresh.",
    );
  }
  if (manifest.keyGroups !== plan.keyGroups) {
    return new HoldfastError(
      'ERR_HOLDFAST_KEY_GROUPS_MISMATCH',
      `checkpoint ${manifest.checkpoint} was taken with keyGroups ${manifest.keyGroups}, this run has ` +
        `${plan.keyGroups}. keyGroups is fixed for a job's life: set it to ${manifest.keyGroups}, or ` +
        "start afresh with restore: 'none'.",
      { details: { checkpoint: manifest.keyGroups, given: plan.keyGroups } },
    );
  }
  return undefined;
}

/** No operator that is new: the graph has not changed. */
function lacksOperator({ checkpoint }: Manifest, operator: string): HoldfastError {
  return formatError(
    `checkpoint ${checkpoint}`,
    `it says that it is of this very graph, and lacks its operator '${operator}'`,
  );
}

function judgeNode(node: GraphNodeData, before: Before | undefined, context: Context): void {
  const { id, type } = node;
  const tell = (fate: OperatorFate['fate'], what: string) =>
    context.fates.push({ operator: id, type, fate, what });
  const refuse = (problem: HoldfastError) => {
    context.problems.push(problem);
    tell('refused', problem.message);
  };
  const tellNew = () =>
    tell(node.stateful ? 'new' : 'stateless', node.stateful ? 'it starts empty' : '');
  const changes = changelogProblem(node, context.plan.graph, context.manifest);
  if (changes !== undefined) {
    refuse(changes);
    return;
  }
  if (before === undefined) {
    tellNew();
    return;
  }
  const promised = context.manifest.transactions.some(({ operator }) => operator === id);
  if (before.type !== type && (before.stateful || promised)) {
    refuse(
      before.stateful
        ? typeChanged(context.manifest, before, type)
        : outputOfNobody(context, id, before.type, type),
    );
    return;
  }
  if (!before.stateful) {
    tellNew();
    return;
  }
  const partials = partialsChanged(node, context);
  if (partials !== undefined) refuse(partials);
  else judgeStates(node, before, context, tell, refuse);
}

/** C3 */
function partialsChanged(node: GraphNodeData, context: Context): HoldfastError | undefined {
  const { id, inputs, states, type } = node;
  const { manifest, plan } = context;
  const isInFlight = manifest.parts.some(({ sections }) =>
    sections.some((section) => section.operator === id && holdsElements(section)),
  );
  if (!isInFlight) return undefined;
  const firsts = plan.graph.nodes.filter((one) => one.type === PRE_AGGREGATE);
  const first = firsts.find(({ index }) => inputs.some(({ from }) => from === index));
  const former = manifest.operators.filter((one) => one.type === PRE_AGGREGATE);
  if (first === undefined) {
    const isGone = former.some((one) => !firsts.some((now) => now.id === one.id));
    return isGone && type.startsWith('window') ? inFlightOfOtherForm(node, manifest) : undefined;
  }
  const before = manifest.operators.find((one) => one.id === id)!;
  const isSame =
    former.some((one) => one.id === first.id) &&
    (before.states ?? []).every(({ layout }) => states.some((state) => state.layout === layout));
  return isSame ? undefined : inFlightOfOtherForm(node, manifest);
}

function inFlightOfOtherForm({ id }: GraphNodeData, { checkpoint }: Manifest): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    `checkpoint ${checkpoint} holds what was in flight to windows '${id}', and with preAggregate() taken up, dropped, or ` +
      "over other aggregations that has another form. Let the former job go on with checkpoint.alignment 'aligned', " +
      'take a checkpoint, and start from that one: it holds nothing in flight.',
    { details: { operator: id } },
  );
}

function judgeStates(
  { id, states }: GraphNodeData,
  before: Before,
  { allowDropped }: Context,
  tell: (fate: OperatorFate['fate'], what: string) => void,
  refuse: (problem: HoldfastError) => void,
): void {
  const evolved: string[] = [];
  for (const { section, layout } of before.states ?? []) {
    const now = states.find((state) => state.section === section || state.formerly === section);
    if (now === undefined) {
      const other = states[0]?.layout ?? 'none';
      refuse(stateRefused(id, kindProblem(section), layout, other));
      return;
    }
    const change = compareLayouts(layout, now);
    if (change.kind === 'same') continue;
    if (change.kind === 'refused') {
      refuse(stateRefused(id, change.problem, layout, now.layout));
      return;
    }
    const lost = change.dropped.filter((name) => !allowDropped.includes(`${id}#${name}`));
    if (lost.length > 0) {
      refuse(notAllowed(id, lost));
      return;
    }
    for (const [i, { from, migrateFrom }] of change.entries.entries()) {
      const { name, version } = change.now.entries[i]!;
      if (from === undefined) evolved.push(`'${name}' is new`);
      else if (migrateFrom !== undefined) {
        evolved.push(`'${name}' is migrated from version ${migrateFrom} to ${version}`);
      }
    }
    for (const name of change.dropped) evolved.push(`'${name}' is dropped`);
    if (evolved.length === 0) evolved.push('its order has changed');
  }
  if (evolved.length === 0) tell('restored', '');
  else tell('evolved', evolved.join(', '));
}

/** C1 */
function judgeGone(id: string, before: Before | undefined, context: Context): void {
  const { manifest, plan, allowDropped } = context;
  const sections = manifest.parts.flatMap((part) =>
    part.sections.filter(({ operator }) => operator === id),
  );
  const isInFlight = sections.some(holdsElements);
  const isPromised = manifest.transactions.some(({ operator }) => operator === id);
  // A chain's own section (its watermark) may go when chains are formed differently and its head was stateless.
  const isVertex = plan.vertices.some((vertex) => vertex.id === id);
  const hasState =
    sections.some(({ name }) => parseChannelSection(name) === undefined) &&
    (before?.stateful !== false || isVertex);
  if (!hasState && !isInFlight && !isPromised) return;
  const type = before?.type ?? 'operator';
  const lost = [
    ...(hasState ? ['its state'] : []),
    ...(isInFlight ? ['records in flight to it'] : []),
    ...(isPromised ? ['output that may not be committed yet'] : []),
  ].join(', ');
  if (allowDropped.includes(id)) {
    context.fates.push({ operator: id, type, fate: 'dropped', what: `${lost}: allowed` });
    return;
  }
  const problem =
    hasState || isInFlight
      ? stateOfNobody(context, id, isInFlight ? 'records in flight to' : 'state of')
      : outputOfNobody(context, id, type, undefined);
  context.problems.push(problem);
  context.fates.push({ operator: id, type, fate: 'refused', what: problem.message });
}

function knownIds({ plan }: Context): readonly string[] {
  return plan.graph.nodes.map(({ id }) => id);
}

function stateOfNobody(context: Context, operator: string, what: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    `checkpoint ${context.manifest.checkpoint} holds ${what} operator '${operator}', which this job does not ` +
      'have. Give the operator its former id with .uid(), let it be lost with allowDropped: ' +
      `['${operator}'] (--allow-dropped), or start afresh with restore: 'none'.`,
    { details: { operator, known: knownIds(context) } },
  );
}

function outputOfNobody(
  context: Context,
  operator: string,
  before: string,
  now: string | undefined,
): HoldfastError {
  const found =
    now === undefined
      ? 'does not have'
      : `has as ${withArticle(now)}, not as ${withArticle(before)}`;
  const wayOut =
    now === undefined
      ? 'Give the sink its former id with .uid(), let'
      : 'Give the new sink another .uid() and let';
  return new HoldfastError(
    'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    `checkpoint ${context.manifest.checkpoint} holds output of sink '${operator}' that may not be committed yet, ` +
      `and that this job ${found}. ${wayOut} that output be lost ` +
      `with allowDropped: ['${operator}'] (--allow-dropped), or start afresh with restore: 'none'.`,
    { details: { operator, known: knownIds(context) } },
  );
}

function typeChanged(manifest: Manifest, before: Before, now: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    `operator '${before.id}' was ${withArticle(before.type)} in checkpoint ${manifest.checkpoint} and is ` +
      `${withArticle(now)} now: its state cannot be read. Give it another id with .uid() and let the former state ` +
      "be lost with allowDropped, or start afresh with restore: 'none'.",
    { details: { operator: before.id, before: before.type, now } },
  );
}

function notAllowed(operator: string, lost: readonly string[]): HoldfastError {
  const names = lost.map((name) => `'${operator}#${name}'`).join(', ');
  return new HoldfastError(
    'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    `the checkpoint holds ${lost.map((name) => `'${name}'`).join(', ')} in operator '${operator}', which the ` +
      `job does not compute any more. Let it be lost with allowDropped: [${names}] (--allow-dropped), or ` +
      'compute it still.',
    { details: { operator, lost } },
  );
}
