"""Results worked out before they are asked for."""

import threading
from collections.abc import Iterator

import pytest

from cellid.io.ahead import map_ahead


def test_results_come_in_order_and_a_few_ahead() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(20):
            taken.append(item)
            yield item

    results = map_ahead(lambda item: item**2, items())
    assert next(results) == 0
    assert len(taken) <= 4  # not all of a long recording at once
    assert list(results) == [item**2 for item in range(1, 20)]


def test_work_is_done_while_the_caller_waits() -> None:
    begun = threading.Event()

    def work(item: int) -> int:
        if item == 1:
            begun.set()
        return item

    results = map_ahead(work, range(3))
    assert next(results) == 0
    assert begun.wait(5)  # the next is under way though nobody has asked for it


def test_an_error_is_raised_where_its_result_would_be() -> None:
    def work(item: int) -> float:
        return 1 / (item - 1)

    results = map_ahead(work, range(5))
    assert next(results) == -1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_nothing_gives_nothing() -> None:
    assert list(map_ahead(str, [])) == []
