/** Jobs done by this process, and by others as soon as it is busy. */
import type { DoJob } from '../compare/job.js';
import type { Slots } from '../compare/slots.js';

/** One run here, others each in a process of its own. What fails there may be the machine's fault: it is tried another time, with one fewer beside it. */
export function besides(here: DoJob, apart: DoJob, slots: Slots): DoJob {
  const failed = new Set<string>();
  let busy = false;
  return async (job, candidate, folder, hooks) => {
    if (!busy) {
      busy = true;
      try {
        return await here(job, candidate, folder, hooks);
      } finally {
        busy = false;
      }
    }
    const ended = await apart(job, candidate, folder, hooks);
    if (ended.status !== 'failed' || job.run.rung !== undefined || failed.has(ended.folder)) return ended;
    failed.add(ended.folder);
    slots.tooMany();
    return { ...ended, status: 'stopped', message: undefined };
  };
}
