"""Listeners hear how far a long function is, and those that ask for it what grows on the way."""

import pytest

from soilcore.core.progress import labelled, part, silent, tell


class Listener:
    def __init__(self):
        self.shares, self.rows = [], []

    def __call__(self, done, total, message):
        self.shares.append(done / total)

    def row(self, row):
        self.rows.append(row)


def test_a_part_fills_its_share_of_the_whole():
    listener = Listener()
    half = part(part(listener, 0.5, 0.5), 0.5, 0.5)
    half(0, 4, "")
    half(4, 4, "")
    assert listener.shares == pytest.approx([0.75, 1.0])


def test_rows_reach_the_listener_through_every_part():
    listener = Listener()
    tell(part(part(listener, 0, 0.5), 0, 0.5), {"kind": "epoch", "loss": 0.5})
    assert listener.rows == [{"kind": "epoch", "loss": 0.5}]


def test_a_listener_without_rows_hears_none():
    tell(silent, {"kind": "epoch"})
    heard = []
    tell(part(lambda *told: heard.append(told), 0, 1), {"kind": "epoch"})
    assert heard == []


def test_a_label_tells_fits_apart_in_messages_and_rows():
    heard = []

    class Named(Listener):
        def __call__(self, done, total, message):
            heard.append(message)

    listener = Named()
    report = labelled(part(listener, 0, 0.5), "rf: fold 1 of 2")
    report(0, 1, "Growing trees")
    report(1, 1, "rf: fold 1 of 2")
    tell(report, {"kind": "epoch", "fit": "rf"})
    assert heard == ["rf: fold 1 of 2: growing trees", "rf: fold 1 of 2"]
    assert listener.rows == [{"kind": "epoch", "fit": "rf: fold 1 of 2"}]
    assert labelled(silent, "rf") is silent
