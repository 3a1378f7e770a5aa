"""The certificate of a run: its data and model, read again, and ``certificate.json``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from autoencodes import atomic
from autoencodes.certificate import Certificate
from autoencodes.certificate import certify as certify_control
from autoencodes.errors import InputError
from autoencodes.run.folder import RunFolder
from autoencodes.run.job import measures
from autoencodes.run.source import read_again


def certify(
    path: str | Path,
    data_dir: str | Path | None = None,
    data: str | Path | None = None,
    **options: Any,
) -> tuple[Certificate, Path]:
    """Certifies a run's model over the rows it was trained on, and writes the certificate.

    Parameters
    ----------
    path : a run folder that holds a model
    data_dir : where MNIST's files lie, if elsewhere than at the training
    data : where the data are now, if elsewhere; their content must be what it was
    options : of ``autoencodes.certificate.certify``

    Returns
    -------
    The certificate, and the file in the run's folder that holds it.

    Raises
    ------
    InputError
        If there is no run or no model in it yet, or its data are absent or have changed.
    NumericalFailure
        If the model's particles leave the finite numbers.
    OSError
        If the file cannot be written.
    """
    folder = RunFolder.open(path)
    if not (folder.path / "model.safetensors").is_file():
        raise InputError(
            f"{path} holds no model yet; let its training end, or continue it with: "
            f"autoencodes train --out {path} --resume"
        )
    plan, model = folder.config, folder.model
    given = plan if data_dir is None else replace(plan, data_dir=str(data_dir))
    begun = None if plan.start is None else model
    loaded = read_again(folder, None if data is None else str(data), given, begun)
    parts = measures(model, loaded if model.encoding is None else model.encoding.entered(loaded))
    train, test = parts["train"], parts.get("test")
    problem = model.problem(plan.tikhonov)
    certificate = certify_control(problem, model.control, train, test, **options)
    written = folder.path / "certificate.json"
    text = json.dumps(certificate.as_dict(), indent=2, allow_nan=False, ensure_ascii=False)
    atomic.write(written, text + "\n")
    return certificate, written
