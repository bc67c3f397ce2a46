"""What notebooks show: whole, self-contained, and harmless whatever names and values are."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from consist.index.records import COMPLETED, RunRecord
from consist.runs.comparison import compare_runs
from consist.runs.run import Run

HOSTILE = "<script>alert('x')</script>\"'&\x1b[31m\u202e"
NAME = "<b onclick=x>'&\u00e9"


class Parsed(HTMLParser):
    """Tags and text of a document; whether every tag that was opened was closed."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open = set(), "", []
        self.links = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in {"src", "href"}]
        assert all(name in {"style", "alt", "src"} for name, _ in attrs)
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def result(tracker):
    return tracker.run(
        lambda text: {NAME: text},
        name=NAME,
        config={"text": HOSTILE},
        facet={NAME: HOSTILE},
        tags=[NAME],
        description=HOSTILE,
    )


def checked(html, *texts):
    parsed = Parsed(html)
    assert parsed.open == []
    assert parsed.tags <= {"p", "b", "table", "tr", "th", "td", "pre", "img"}
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "://" not in html.replace("consist://", "")
    for text in texts:
        assert text in parsed.text
    return parsed


def test_a_run(result):
    checked(result.run._repr_html_(), result.run.id[:12], NAME, "completed", "alert", "\\x1b[31m")


def test_a_result(tracker, result):
    checked(result._repr_html_(), "executed", NAME, result.outputs[NAME].digest.hex[:12])
    again = tracker.run(
        lambda text: {NAME: text}, name=NAME, config={"text": HOSTILE}, facet={NAME: HOSTILE}, description=HOSTILE
    )
    checked(again._repr_html_(), "found again")


def test_an_artifact(result):
    artifact = result.outputs[NAME]
    checked(artifact._repr_html_(), NAME, artifact.digest.hex, "plain")


def test_a_set_of_runs(tracker, result):
    checked(tracker.run_set()._repr_html_(), "1 runs", NAME)
    for n in range(60):
        tracker.run(pow, config={"base": 2, "exp": n})
    parsed = checked(tracker.run_set()._repr_html_(), "61 runs", "and 11 more")
    assert parsed.text.count("completed") == 50


def test_a_lineage_and_a_comparison(tracker, result):
    checked(tracker.lineage(result, "both")._repr_html_(), NAME, "run ")
    checked(tracker.diff_runs(result, result)._repr_html_(), NAME)


def test_a_small_value_is_shown(tracker):
    made = tracker.run(lambda: {"small": 0.125, "large": "x" * 50_000}, name="values", outputs=["small", "large"])
    assert "value0.125" in Parsed(made.outputs["small"]._repr_html_()).text
    assert "value" not in Parsed(made.outputs["large"]._repr_html_()).text
    assert repr(made.outputs["small"]).startswith("<Artifact small = 0.125 (plain")


def test_a_failed_run(tracker):
    def fail():
        raise ValueError(HOSTILE)

    with pytest.raises(ValueError, match="alert"):
        tracker.run(fail)
    checked(tracker.find_latest_run()._repr_html_(), "failed", "ValueError: <script>")


def test_an_image_that_is_gone_is_no_error_of_the_notebook(tracker):
    from matplotlib.figure import Figure

    def chart():
        figure = Figure(figsize=(4, 4), dpi=100)
        figure.subplots().plot([1, 3, 2])
        return figure

    artifact = tracker.run(chart).outputs["value"]
    assert "img" in checked(artifact._repr_html_()).tags
    (blob,) = tracker.store.backend.list("blobs")
    tracker.store.backend.delete(blob.key)
    assert "img" not in checked(artifact._repr_html_(), "blob").tags


def test_a_short_time_reads_as_one_wherever_it_is_shown():
    run = Run(RunRecord("ab" * 10, None, "quick", COMPLETED, 1_000_000, 1_000_027))
    assert "27 µs" in Parsed(run._repr_html_()).text
    assert repr(run) == f"<Run {'ab' * 10} quick completed 27 µs>"
    assert str(compare_runs(run, run)).endswith("\n  time: 27 µs -> 27 µs")
