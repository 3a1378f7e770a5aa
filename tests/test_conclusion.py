"""What every verb says: its help, --quiet and --json, completion, trackers, and no colours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from test_cli import call

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.cli import app
from autoencodes.run import RunFolder, train
from autoencodes.run.tracking import TRACKERS, Tracker, Tracking

VERBS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("said") / "rows.csv"
    rows = [f"{k % 5},{k % 7},{(k * k) % 11}" for k in range(40)]
    path.write_text("\n".join(["a,b,c", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def run(table: Path) -> Path:
    path = table.parent / "run"
    train(_settings(table), path)
    return path


def _settings(table: Path) -> object:
    from autoencodes.plan.settings import Settings

    return Settings(data=str(table), widths=(3, 1), steps_per_block=1, epochs=1)


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_has_an_example_within_80_columns(
    verb: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(verb, "--help") == 0
    shown = capfd.readouterr().out
    assert f"Example: autoencodes {verb}" in " ".join(shown.split())
    assert "--quiet" in shown
    assert "--json" in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    "arguments",
    [
        ["describe", "{table}"],
        ["encode", "{run}", "{table}", "-o", "{out}.csv"],
        ["reconstruct", "{run}", "{table}", "-o", "{out}.csv"],
        ["score", "{run}", "{table}", "--per-column", "-o", "{out}.csv"],
        ["info", "{run}"],
        ["runs", "{folder}"],
        ["export", "{run}", "--to", "numpy", "-o", "{out}.py"],
        ["experiments"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_quiet_says_nothing_on_the_way_and_json_is_the_last_line(
    arguments: list[str],
    table: Path,
    run: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    names = {"table": table, "run": run, "out": tmp_path / "out", "folder": run.parent}
    given = [text.format(**names) for text in arguments]
    assert call(*given, "--quiet", "--json") == 0
    shown = capfd.readouterr()
    # A warning is none of the way: of this model's reconstructions some are below all values.
    assert shown.err == "" or shown.err.startswith("reconstructed outside what stands in")
    said = json.loads(shown.out.splitlines()[-1])
    assert (said["verb"], said["status"]) == (arguments[0], 0)
    assert len(said) > 2, "what a program wants to know"
    if "-o" in given and arguments[0] != "export":
        assert said["rows"] == 40
        assert Path(said["output"]).is_file()


def test_a_quiet_training_is_silent_and_its_metrics_are_in_the_line(
    table: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    short = ["--widths", "3,1", "--steps-per-block", "1", "--epochs", "1"]
    assert call("train", table, *short, "--out", out, "--quiet", "--json") == 0
    shown = capfd.readouterr()
    assert shown.err == ""
    [line] = shown.out.splitlines()
    said = json.loads(line)
    assert said["run"] == str(out)
    assert said["metrics"] == RunFolder.open(out).metrics


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["score", "{run}", "nothing.csv"], "there is no file"),
        (["score", "{run}"], "Missing argument"),
        (["encode", "{run}", "{table}", "-o", "-"], "standard output"),
        (["decode", "{run}", "{table}", "-o", "-"], "standard output"),
    ],
)
def test_what_is_wrong_stands_in_the_line_and_is_said_even_quietly(
    arguments: list[str], text: str, table: Path, run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = [a.format(table=table, run=run) for a in arguments]
    assert call(*given, "--quiet", "--json") == 2
    shown = capfd.readouterr()
    assert text in shown.err
    said = json.loads(shown.out)
    assert said["status"] == 2
    assert text in said["error"]


def test_without_the_options_nothing_of_an_earlier_command_remains(
    run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    call("info", run, "--quiet", "--json")
    capfd.readouterr()
    call("info", run)
    assert '"verb"' not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("autoencodes ", {*VERBS}),
        ("autoencodes train --effort q", {"quick"}),
        ("autoencodes train dig", {"digits"}),
        ("autoencodes experiment ", {*EXPERIMENTS, "all"}),
    ],
)
def test_shells_complete_verbs_options_and_names(
    words: str,
    expected: set[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("_AUTOENCODES_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    assert call() == 0
    assert set(capfd.readouterr().out.split()) == expected


class _Kept(Tracker):
    """A tracker that keeps what it is sent, or fails at a step."""

    kept: list[object]
    fails = False

    def __init__(self) -> None:
        type(self).kept = []

    def begin(self, path, settings) -> None:  # type: ignore[no-untyped-def]
        self.kept.append((path, settings["epochs"]))

    def log(self, step, values) -> None:  # type: ignore[no-untyped-def]
        if self.fails:
            raise ConnectionError("the server is gone")
        self.kept.append((step, values["objective"]))

    def end(self, metrics, ended) -> None:  # type: ignore[no-untyped-def]
        self.kept.append((metrics["test_mse"], ended))


@pytest.mark.parametrize("fails", [False, True])
def test_trackers_get_settings_history_and_metrics_and_end_no_training(
    fails: bool,
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(TRACKERS, "mlflow", _Kept)
    monkeypatch.setattr(_Kept, "fails", fails)
    out = tmp_path / "run"
    short = ["--widths", "3,1", "--steps-per-block", "1", "--epochs", "2"]
    assert call("train", table, *short, "--out", out, "--track", "mlflow") == 0
    folder, said = RunFolder.open(out), capfd.readouterr().err
    begun, *between = _Kept.kept
    assert begun == (out, 2)
    if fails:
        assert not between
        assert "mlflow takes no more numbers (ConnectionError: the server is gone)" in said
        return
    *history, end = between
    assert history == [(r["step"], r["objective"]) for r in folder.history]
    assert end == (folder.metrics["test_mse"], "finished")


def test_tensorboard_finds_the_numbers_beside_the_run(table: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="the extra track is not installed")
    from tensorboardX.proto.event_pb2 import Event

    class Silent:
        def begin(self, job: object) -> None: ...
        def advance(self, progress: object) -> None: ...

    watcher = Tracking(Silent(), "tensorboard")
    outcome = train(_settings(table), tmp_path / "run", watcher)
    watcher.end(outcome.metrics)
    [file] = (tmp_path / "run" / "tensorboard").iterdir()
    data, values = file.read_bytes(), {}
    while data:  # length, its checksum, the event, its checksum
        size = int.from_bytes(data[:8], "little")
        event = Event.FromString(data[12 : 12 + size])
        data = data[16 + size :]
        values |= {v.tag: v.simple_value for v in event.summary.value}
    assert values["result/test_mse"] == pytest.approx(outcome.metrics["test_mse"], rel=1e-6)
    assert "training/objective" in values
