"""A whole sweep: jobs out to the workers, rows back, results into the cache as they come."""

from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait

from ..report import speed_of
from ..targets import find_target
from .sweep import build_design, synthesize_design
from .workers import attempt

__all__ = ["Sweep"]


class Sweep:
    """The rows of a sweep: one for each point and device, whatever becomes of it.

    Parameters
    ----------
    tensors : dict of str to ndarray
        The network's integer tensors.
    targets : sequence of str
    seeds : tuple of int
    registered : bool
    cache : Cache
    pool : Executor
        See `hw.explore.workers.workers`.
    limit : float or None
        Seconds that a run of a tool may take; a full device can keep nextpnr busy for hours.
    """

    def __init__(self, tensors, targets, seeds, registered, cache, pool, limit=None):
        self._tensors, self._targets = tensors, targets
        self._seeds, self._registered = seeds, registered
        self._cache, self._pool, self._limit = cache, pool, limit
        self._rows = {}
        self._waiting = {}  # future: what to call with (its result, its complaint)

    def run(self, chosen, bar) -> list[dict]:
        """Work through the points.

        Parameters
        ----------
        chosen : sequence of Point
        bar : tqdm
            Moves by one per row.

        Returns
        -------
        list of dict
            ``target``, ``point``, ``failed`` (``None``, or why), and if it did not fail ``digest``, ``config``,
            ``bits_per_weight`` and what `hw.synth` reports.
        """
        families = {}
        for target in self._targets:
            families.setdefault(find_target(target).memory_target, []).append(target)
        for point in chosen:
            for family, targets in families.items():
                self._submit(self._built, (point, targets, bar), build_design, self._tensors, point, family)
        while self._waiting:
            for future in wait(self._waiting, return_when=FIRST_COMPLETED).done:
                then, context = self._waiting.pop(future)
                try:
                    result, complaint = future.result()
                except Exception as error:  # Not of the job, which `attempt` catches: of the worker, which is gone.
                    result, complaint = None, f"its worker is gone: {type(error).__name__}"
                then(*context, result, complaint)
        return [self._rows[point, target] for point in chosen for target in self._targets]

    def _submit(self, then, context, *job):
        try:
            future = self._pool.submit(attempt, *job)
        except BrokenExecutor as error:
            future = Future()
            future.set_exception(error)
        self._waiting[future] = then, context

    def _built(self, point, targets, bar, design, complaint):
        for target in targets:
            if complaint:
                self._finish(point, target, bar, None, None, complaint)
                continue
            key = self._cache.key(design.digest, target, self._seeds, self._registered)
            found = self._cache.get(key)
            if found is not None:
                self._finish(point, target, bar, design, found, None)
            else:
                self._submit(self._synthesized, (point, target, bar, design, key), synthesize_design, design.verilog,
                             target, self._seeds, self._registered, self._limit)

    def _synthesized(self, point, target, bar, design, key, report, complaint):
        if report is not None and report["tools"] == self._cache.versions(target):
            self._cache.put(key, report)
        self._finish(point, target, bar, design, report, complaint)

    def _finish(self, point, target, bar, design, report, complaint):
        row = {"target": target, "point": point.as_dict(), "failed": complaint}
        if report is not None:
            row |= {"digest": design.digest, "config": design.config.as_dict(),
                    "bits_per_weight": design.figures["bits_per_weight"], **report,
                    **speed_of(report["lut"], report["fmax_median"], design.figures["weights_per_cycle"])}
        self._rows[point, target] = row
        bar.update()
