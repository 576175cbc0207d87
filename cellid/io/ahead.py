"""Work done ahead in another thread, so that reading and writing wait for no one."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")

_AHEAD = 2  # results: one that is waited for, and one in the making


def map_ahead(function: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
    """Map as `map` does, in order, with some results worked out before they are asked for.

    Parameters
    ----------
    function : callable
        Called in one other thread, one item after the other.
    items : iterable
        Iterated over in the thread that asks for results.

    Yields
    ------
    object
        Results of ``function``; what it raises is raised here.
    """
    waiting: deque[Future[_Out]] = deque()
    with ThreadPoolExecutor(max_workers=1) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
