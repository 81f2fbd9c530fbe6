/** What hosts report and nobody has to decide about: it goes to who collects it. */

import { type Failure, toFailure } from '../../base/failure.js';
import { describeHolder } from '../../stream/task/time-holder.js';
import type { StreamEvent } from '../../workloads/streams/stream-types.js';
import type { CollectedRows } from '../checkpoints/collected-rows.js';
import type { Deployment } from './deployment.js';
import type { DriverOptions, World } from './opening.js';

export type HostReport = Exclude<
  StreamEvent,
  { kind: 'task-failed' | 'task-ended' | 'first-output' }
>;

export interface ReportTakers {
  readonly given: DriverOptions;
  readonly world: World;
  /** Of the region that the report is about. */
  readonly deployment: Deployment;
  readonly collected: CollectedRows;
}

/** @returns why the region fails with it, if it does */
export function takeReport(
  event: HostReport,
  { given, world, deployment, collected }: ReportTakers,
): Failure | undefined {
  const { checkpoints, commits, plan } = world;
  const { options, manifest, mapFailure } = given;
  switch (event.kind) {
    case 'captured': {
      const tooMany = collected.announce(event, plan.graph);
      if (tooMany !== undefined) return toFailure(tooMany, 'sink');
      void checkpoints.captured(event);
      return undefined;
    }
    case 'declined': {
      const { epoch, checkpoint, vertex, instance, failure } = event;
      checkpoints.declined(epoch, checkpoint, vertex, instance, mapFailure(failure));
      return undefined;
    }
    case 'reading':
      deployment.reading(event.vertex, event.instance, event.records);
      return undefined;
    case 'restored-visible':
      // Restores go back to a newer checkpoint once there is one, and its rows are known here.
      if (commits.latest === manifest) {
        collected.restore(event.operator, event.instance, event.rows, plan.graph);
      }
      return undefined;
    case 'holding': {
      const { instance, holder } = event;
      options.logger?.warn(
        { instance, ...holder },
        `event time waits for ${describeHolder(holder, instance)}, and windows with it. Whoever rests no longer ` +
          'holds time back after idleAfterMs of withTimestamps, where that is given',
      );
      return undefined;
    }
    case 'print':
      options.print(event.line);
      return undefined;
  }
}
