"""Ctrl-C once and twice."""

from __future__ import annotations

import signal
import threading

import pytest

from dartsl.run.interrupt import interruption, outlive_torchrun


def test_the_first_signal_raises_the_flag_and_the_second_stops() -> None:
    before = signal.getsignal(signal.SIGINT)
    notified: list[str] = []
    with interruption(lambda: notified.append("once")) as stop:
        assert not stop.requested
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
        assert notified == ["once"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert notified == ["once"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_batch_system_that_ends_the_run_is_heard_too() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with interruption() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.requested
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_handler_comes_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(RuntimeError, match="inside"), interruption():
        raise RuntimeError("inside")
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_have_a_flag_without_a_handler() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[bool] = []

    def work() -> None:
        with interruption() as stop:
            seen.append(signal.getsignal(signal.SIGINT) is before)
            stop.request()
            seen.append(stop.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True, True]


def test_a_process_that_will_end_by_itself_is_not_ended_before_it_has_spoken() -> None:
    """Neither inside nor after what put a handler of its own there."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        with interruption() as stop:
            outlive_torchrun()
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)  # else the end of this test's process
        assert not stop.requested
    finally:
        signal.signal(signal.SIGTERM, before)
