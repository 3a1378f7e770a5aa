"""Images on their way through the layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Int, Num

from autoencodes.model.model import Model
from autoencodes.run.samples import passage

if TYPE_CHECKING:
    from autoencodes.plot.picture import Picture

_ARRAYS = ("images", "on", "layers", "widths")


@dataclass(frozen=True, eq=False)
class Passage:
    """Some images at some layers, and which of their pixels are on there.

    A pixel is a component of the flow, so that it can be off. In rotated coordinates components are
    axes, and an image is what those that are on span: then all pixels are on.
    """

    title: str
    images: Num[np.ndarray, "layer image pixel"]
    on: Bool[np.ndarray, "layer pixel"]
    layers: Int[np.ndarray, " layer"]
    widths: Int[np.ndarray, " layer"]
    """How many components are on."""
    shape: tuple[int, ...]
    """Height and width, of colour images also 3."""
    dim: int
    """The number of components."""
    names: tuple[str, ...] = ()
    """One for each image, such as its class; or none."""

    @classmethod
    def of(
        cls,
        title: str,
        model: Model,
        particles: Num[np.ndarray, "particle dim"],
        names: Sequence[str] = (),
    ) -> Passage:
        """Particles of a model of images, at the ends of its blocks."""
        arrays = passage(model, particles)
        return cls.kept(title, arrays, model.image_shape or (), model.flow.schedule.dim, names)

    @classmethod
    def kept(
        cls,
        title: str,
        arrays: dict[str, np.ndarray],
        shape: Sequence[int],
        dim: int,
        names: Sequence[str] = (),
    ) -> Passage:
        """Of the arrays that ``run.samples.passage`` returned, as a run folder keeps them."""
        images = arrays["passage"]
        on, layers, widths = (arrays[f"passage_{name}"] for name in _ARRAYS[1:])
        shown = tuple(names)[: images.shape[1]]
        return cls(title, images, on.astype(bool), layers, widths, tuple(shape), dim, shown)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What a file holds of it, with ``facts``."""
        return {name: getattr(self, name) for name in _ARRAYS}

    @property
    def facts(self) -> dict[str, Any]:
        """JSON values."""
        return {name: getattr(self, name) for name in ("title", "shape", "dim", "names")}

    @classmethod
    def restored(cls, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> Passage:
        """From ``arrays`` and ``facts``."""
        images, on, layers, widths = (arrays[name] for name in _ARRAYS)
        return cls(facts["title"], images, on.astype(bool), layers, widths,
                   tuple(facts["shape"]), int(facts["dim"]), tuple(facts["names"]))  # fmt: skip

    @property
    def captions(self) -> list[str]:
        """What each layer that is kept is."""
        last = int(self.layers[-1])
        return [
            f"after layer {layer} of {last}: {width} of {self.dim} components on"
            if layer
            else "input"
            for layer, width in zip(self.layers.tolist(), self.widths.tolist(), strict=True)
        ]

    def picture(self, name: str = "passage") -> Picture:
        """A row for each image, a column for each layer; within ``style.context()``."""
        from autoencodes.plot import images
        from autoencodes.plot.picture import Picture

        pairs = list(zip(self.layers.tolist(), self.widths.tolist(), strict=True))
        heads = ["input", *(f"{layer}\n{width}" for layer, width in pairs[1:])]
        shown = images.passing(self.images, self.on, self.shape)
        titles = self.names or ("",) * self.images.shape[1]
        rows = [(title, shown[:, k]) for k, title in enumerate(titles)]
        off = "pale pixels are switched off"
        if self.on.all():
            off = "components are axes, not pixels: shown is what those that are on span"
        colours = "" if len(self.shape) == 3 else "; blue lies below black, orange above white"
        narrowest = int(np.argmin(self.widths))
        return Picture(
            name,
            images.grid(rows, self.shape, heads=heads, corner="after layer\ncomponents on"),
            f"{self.title}: {self.images.shape[1]} images on their way through {pairs[-1][0]} "
            f"layers and at most {self.dim} components; {off}{colours}.",
            f"A row for each of {self.images.shape[1]} images: from the input over "
            f"{pairs[narrowest][1]} components after layer {pairs[narrowest][0]} to the "
            "reconstruction.",
        )
