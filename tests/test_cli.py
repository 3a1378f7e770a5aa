"""The command line: what it does, and how it answers what it cannot do."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from autoencodes import cli, datasets
from autoencodes.cli import streams
from autoencodes.cli.app import INTERRUPTED
from autoencodes.cli.interruption import Interruption
from autoencodes.plan.settings import DECLARATIONS, Settings
from autoencodes.run import RunFolder, train

QUICK = ["--widths", "64,8", "--steps-per-block", "1", "--epochs", "1"]


def call(*arguments: object) -> int:
    """The exit code of the command with some arguments, run in this process."""
    before = sys.argv
    sys.argv = ["autoencodes", *(str(a) for a in arguments)]
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on digits, trained for a moment."""
    path = tmp_path_factory.mktemp("cli") / "run"
    train(Settings(data="digits", widths=(64, 8), steps_per_block=1, epochs=1), path)
    return path


@pytest.fixture(scope="module")
def holding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same under memory hold."""
    path = tmp_path_factory.mktemp("cli") / "run"
    settings = {"widths": (64, 8), "steps_per_block": 1, "epochs": 1, "memory": "hold"}
    train(Settings(data="digits", **settings), path)
    return path


def test_train_writes_a_run_and_says_where(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call("train", "digits", *QUICK, "--out", tmp_path / "run", "--seed", 5) == 0
    said = capfd.readouterr().err
    assert "epoch 1/1" in said
    assert "PCA's" in said
    assert f"results in {tmp_path / 'run'}" in said.replace("\n", "")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["seed"] == 5
    pictures = {p.name for p in (tmp_path / "run" / "figures").iterdir()}
    assert {"loss.png", "reconstructions.png", "width.png", "latent.png"} <= pictures


@pytest.mark.slow
def test_options_come_before_the_file_and_the_file_before_the_preset(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(
        "latent = 6\nepochs = 2\nsteps_per_block = 1\ntikhonov = 0.01\n"
    )
    out = tmp_path / "run"
    assert (
        call("train", "digits", "--config", tmp_path / "c.toml", "--epochs", 1, "--out", out) == 0
    )
    config = RunFolder.open(out).config
    assert (config.latent, config.epochs, config.tikhonov) == (6, 1, 0.01)
    assert config.tau == 5e-3


@pytest.mark.parametrize("ending", ["npy", "npz", "csv"])
def test_encode_decode_and_reconstruct_agree(tmp_path: Path, run: Path, ending: str) -> None:
    latent, decoded, made = (tmp_path / f"{name}.{ending}" for name in "ldr")
    assert call("encode", run, "digits", "-o", latent) == 0
    assert call("decode", run, latent, "-o", decoded) == 0
    assert call("reconstruct", run, "digits", "-o", made) == 0

    def read(path: Path, entry: str) -> np.ndarray:
        if ending != "npz":
            return np.asarray(datasets.load(str(path), to_split=False).x)
        with np.load(path) as archive:
            return np.asarray(archive[entry])

    codes, rows, direct = read(latent, "latent"), read(decoded, "x"), read(made, "x")
    assert codes.shape == (1797, 8)
    np.testing.assert_array_equal(rows, direct)
    np.testing.assert_allclose(
        direct, RunFolder.open(run).model.reconstruct(datasets.load("digits").x), rtol=1e-6
    )


def test_held_values_travel_in_npz(tmp_path: Path, holding: Path) -> None:
    with_held, alone, whole, zero = (tmp_path / n for n in ("h.npz", "a.npy", "w.npy", "z.npy"))
    assert call("encode", holding, "digits", "-o", with_held) == 0
    assert call("encode", holding, "digits", "-o", alone) == 0
    assert call("decode", holding, with_held, "-o", whole) == 0
    assert call("decode", holding, alone, "-o", zero) == 0
    made = RunFolder.open(holding).model.reconstruct(datasets.load("digits").x)
    np.testing.assert_array_equal(np.load(whole), made)
    assert not np.array_equal(np.load(zero), made)


def test_score_reports_the_metrics_and_writes_errors_of_rows(
    tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("score", run, "digits", "-o", tmp_path / "e.csv") == 0
    said = capsys.readouterr().out
    metrics = RunFolder.open(run).metrics
    assert f"{metrics['test_mse']:.5g}"[:6] in said
    errors = np.loadtxt(tmp_path / "e.csv", skiprows=1)
    np.testing.assert_allclose(
        errors[datasets.load("digits").is_test].mean(), metrics["test_mse"], rtol=1e-5
    )


def test_one_row_can_be_encoded(tmp_path: Path, run: Path) -> None:
    np.save(tmp_path / "one.npy", datasets.load("digits").x[:1])
    assert call("encode", run, tmp_path / "one.npy", "-o", tmp_path / "z.npy") == 0
    assert np.load(tmp_path / "z.npy").shape == (1, 8)


def test_info_shows_configuration_and_metrics(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("info", run) == 0
    said = capsys.readouterr().out
    assert "tikhonov" in said
    assert "pca_test_mse" in said


def idx(path: Path, magic: bytes, sizes: tuple[int, ...], data: bytes) -> Path:
    path.write_bytes(magic + b"".join(n.to_bytes(4, "big") for n in sizes) + data)
    return path


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """A file of every kind that cannot be read, and what the message must say."""
    image = b"\0\0\x08\x03"
    cut = folder / "cut-ubyte.gz"
    cut.write_bytes(gzip.compress(image + b"\0\0\0\x02\0\0\0\x02\0\0\0\x02" + bytes(8))[:-12])
    texts = {
        "words": ("a,b\n1,2\n3,four\n5,6\n", "four"),
        "ragged": ("1,2\n3\n4,5\n", "line 2"),
        "nan": ("1,2\n3,nan\n4,5\n", "nan"),
        "infinite": ("1,2\n3,4\n-inf,5\n", "inf"),
        "single": ("1,2\n", "at least 2 rows"),
        "void": ("\n\n", "lines of numbers"),
    }
    found = {}
    for name, (text, message) in texts.items():
        (folder / f"{name}.csv").write_text(text)
        found[name] = (folder / f"{name}.csv", message)
    np.save(folder / "columns.npy", np.ones((4, 0)))
    return {
        **found,
        "columns": (folder / "columns.npy", "columns"),
        "absent": (folder / "absent.csv", "there is no file"),
        "truncated": (cut, "truncated"),
        "promise": (idx(folder / "promise-ubyte", image, (3, 2, 2), bytes(8)), "promises"),
        "terabytes": (
            idx(folder / "huge-ubyte", image, (2**31, 2**10, 2**10), bytes(8)),
            "promises",
        ),
        "magic": (idx(folder / "magic-ubyte", b"\1\2\3\4", (2, 2, 2), bytes(8)), "magic"),
    }


@pytest.mark.parametrize(
    "name",
    [
        "words",
        "ragged",
        "nan",
        "infinite",
        "single",
        "void",
        "columns",
        "absent",
        "truncated",
        "promise",
        "terabytes",
        "magic",
    ],
)
def test_bad_data_end_in_one_message_and_leave_nothing(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, message = bad_files(tmp_path)[name]
    before = sorted(tmp_path.iterdir())
    assert call("train", path, "--out", tmp_path / "run") == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert "Traceback" not in said
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "digit"], "did you mean digits"),
        (["train", "mnist", "--data-dir", "."], "lacks train-images-idx3-ubyte"),
        (["train", "digits", "--widths", "64,8,16"], "must not grow"),
        (["train", "digits", "--widths", "65,8"], "must not exceed the dimension 64"),
        (["train", "digits", "--widths", "64;8"], "64,32,8"),
        (["train", "digits", "--grids", "4x4;4"], "4x14x14,8x7x7"),
        (["train", "digits", "--field", "convolution", "--grids", "5x4x4"], "add --extra 64"),
        (["train", "digits", "--latent", "0"], "latent"),
        (["train", "digits", "--tikhonov=-1"], "tikhonov"),
        (["train", "digits", "--horizon", "0"], "horizon"),
        (["train", "digits", "--horizon", "inf"], "horizon"),
        (["train", "digits", "--resume"], "--out"),
        (["train", "digits", "--out", "RUN"], "already holds a run"),
        (["train", "digits", "--out", "RUN", "--resume"], "finished run"),
        (["train", "digits", "--config", "absent.toml"], "absent.toml"),
        (["train", "digits", "--epochs", "three"], "--epochs"),
        (["train", "digits", "--nothing"], "--nothing"),
        (["encode", "RUN", "moons", "-o", "z.npy"], "rows of 64 features"),
        (["encode", "RUN", "digits", "-o", "z.txt"], "ends in .npy, .npz, .csv"),
        (["encode", "RUN", "digits", "-o", "absent/z.npy"], "folder that does not exist"),
        (["encode", ".", "digits", "-o", "z.npy"], "holds no run"),
        (["decode", "RUN", "wide.npy", "-o", "y.npy"], r"latent values must be an array (N, 8)"),
        (["score", "RUN", "absent.npy"], "there is no file"),
        (["info", "absent"], "holds no run"),
    ],
    ids=lambda value: " ".join(value[:1] + value[2:]) if isinstance(value, list) else "",
)
def test_bad_arguments_end_in_one_message_and_leave_nothing(
    tmp_path: Path,
    run: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("wide.npy", np.ones((3, 9)))
    assert call(*(str(run) if a == "RUN" else a for a in arguments)) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert [p.name for p in tmp_path.iterdir()] == ["wide.npy"]


def test_a_disk_that_is_full_ends_in_one_message(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert call("encode", run, "digits", "-o", tmp_path / "z.npy") == 2
    assert call("train", "digits", *QUICK, "--out", tmp_path / "run") == 2
    assert capsys.readouterr().err.count("No space left on device") == 2
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_terminal_that_is_closed_ends_the_work_as_termination_does() -> None:
    before = signal.getsignal(signal.SIGHUP)
    with Interruption() as interruption:
        interruption.take()
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)  # a shell and the system both send one
        assert interruption.asked()
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is before
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    try:
        with Interruption() as interruption:
            interruption.take()
            signal.raise_signal(signal.SIGHUP)
            assert not interruption.asked()
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


class Gone(io.StringIO):
    """A stream whose reader has gone, or whose disk is full."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, text: str) -> int:
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize("stream", [None, Gone(errno.EPIPE), Gone(errno.EIO)])
def test_a_closed_standard_error_ends_no_training(
    tmp_path: Path, stream: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    assert call("train", "parabola", "--epochs", 2, "--out", tmp_path / "run") == 0
    assert RunFolder.open(tmp_path / "run").finished


def test_standard_output_takes_any_text_and_says_when_it_is_full(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", narrow)
    with streams.guarded():
        print("λ \x1b[31m \u202e caf\udce9\tend")
    assert narrow.buffer.getvalue() == b"\\u03bb \\x1b[31m \\u202e caf\\udce9\tend\n"  # type: ignore[attr-defined]
    for number, code in ((errno.EPIPE, 0), (errno.ENOSPC, 2)):
        monkeypatch.setattr(sys, "stdout", Gone(number))
        assert call("info", run) == code
    assert "standard output: No space left on device" in capsys.readouterr().err


def test_too_little_memory_is_said(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def short(path: object) -> None:
        raise MemoryError

    monkeypatch.setattr(RunFolder, "open", short)
    assert call("info", run) == 1
    assert "the memory does not suffice" in capsys.readouterr().err


def test_home_is_known_where_no_shell_has_seen_it(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(run, tmp_path / "run")
    assert call("encode", "~/run", "digits", "--output=~/z.npy") == 0
    assert (tmp_path / "z.npy").exists()
    assert call("train", "digits", "--config=~/absent.toml") == 2


def test_interruptions_are_noted_once_and_once_more_while_the_work_is_saved() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as interruption:
        assert signal.getsignal(signal.SIGINT) is before
        interruption.take()
        signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is before
        interruption.take()
        assert signal.getsignal(signal.SIGINT) is before
        assert interruption.asked()
        signal.raise_signal(signal.SIGTERM)  # while what there is is saved
        assert interruption.asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        interruption = Interruption()
        interruption.take()
        assert not interruption.asked()
        interruption.__exit__()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_training_from_python_leaves_signal_handlers_alone(tmp_path: Path) -> None:
    seen, before = [], [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]

    def stop() -> bool:
        seen.append([signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)])
        return True

    outcome = train(Settings(data="parabola", epochs=50), tmp_path / "run", stop=stop)
    assert outcome.metrics["interrupted"]
    assert seen == [before]


def test_every_setting_has_its_option_and_its_check() -> None:
    program = (
        "import sys; sys.argv = ['autoencodes', 'train', '--help']\n"
        "from autoencodes.catalogue import ACTIVATIONS, FIELDS\n"
        "from autoencodes.plan.settings import DECLARATIONS, Settings\n"
        "FIELDS.register('toy', 'x y z', settings=('rank',))(object())\n"
        "ACTIVATIONS.register('bent', 'a bend')(abs)\n"
        "assert Settings(field='toy', activation='bent').given == "
        "{'field': 'toy', 'activation': 'bent'}\n"
        "from autoencodes.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'jax', 'numpy', 'scipy', 'sklearn', 'matplotlib', 'optax'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shown = " ".join(done.stdout.split())
    for name, declared in DECLARATIONS.items():
        option = "[DATA]" if name == "data" else f"--{name.replace('_', '-')} "
        assert (option in f"{shown} ") == declared.option, name
    for text in (
        "|convolution|toy",
        "toy: x y z",
        "sin|bent",
        "bent: a bend",
        "low-rank or toy",
        "method adam or adamw",
    ):
        assert text in shown


@pytest.mark.slow
def test_ctrl_c_saves_what_there_is_and_resume_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "autoencodes", "train", "digits", "--out", str(out)]
    process = subprocess.Popen(
        [*command, *QUICK[:-1], "100000"], stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    while process.poll() is None and not (out / "history.jsonl").exists():
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == INTERRUPTED, said
    assert "continue with: autoencodes train digits --out" in said.replace("\n", "")
    folder = RunFolder.open(out)
    assert folder.metrics["interrupted"]
    assert folder.model.reconstruct(datasets.load("digits").x).shape == (1797, 64)
    assert folder.checkpoint is not None
    assert folder.checkpoint.step == folder.metrics["steps"]


def test_every_option_of_train_stands_in_a_group(capfd: pytest.CaptureFixture[str]) -> None:
    """What most people need comes first, once; lines fit into 80 columns."""
    assert call("train", "--help") == 0
    said = capfd.readouterr().out
    titles = [line for line in said.splitlines() if line.endswith(":") and line[0] != " "]
    groups = ["Common options", "Data", "Model", "Training", "Several processes"]
    assert titles == [f"{title}:" for title in ["Arguments", *groups, "Other"]]
    assert said.split("Other:")[1].split() == ["--help", "Show", "this", "message", "and", "exit."]
    assert said.count("  --latent ") == 1
    assert max(map(len, said.splitlines())) <= 80
