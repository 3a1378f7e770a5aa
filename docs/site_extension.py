"""What Sphinx does not do by itself: plain docstrings, the commands' page, formulas as MathML."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

LITERAL = re.compile(r"(``.*?``|`[^`]+`)")


EXAMPLE = re.compile(r"\]\((?:\.\./)*(start|tutorials|gallery/examples)/(\w+)\.(?:py|rst)\)")


def examples_as_pages(app: Sphinx, docname: str, source: list[str]) -> None:
    """A link to an example's file, as a code host needs it, leads to the page of the example."""

    def page(link: re.Match[str]) -> str:
        folder = link[1].removesuffix("/examples")
        name = "index" if link[2] == "GALLERY_HEADER" else link[2]
        return f"](/generated/{folder}/{name}.rst)"

    source[0] = EXAMPLE.sub(page, source[0])


def displayed(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Formulas stand on lines of their own, indented by two: each becomes a paragraph."""
    said: list[str] = []
    item = False
    for line in lines:
        if line.startswith("- "):
            said += [] if item else [""]
            item = True
        elif item and line.strip() and not line.startswith("  "):
            said.append("")
            item = False
        formula = not item and re.match(r"  \S", line) is not None
        said += ["", line, ""] if formula else [line]
    lines[:] = said


def plain(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text with code marks: |x| means itself; pages become links."""
    lines[:] = [
        line if line.lstrip().startswith((">>>", "...")) else escaped(line) for line in lines
    ]


def escaped(line: str) -> str:
    parts = LITERAL.split(line)
    parts[::2] = [
        re.sub(
            r"docs/([\w/-]+)\.md",
            r":doc:`\1 </\1>`",
            re.sub(r"(\||\*|_(?=\W|$))", r"\\\1", part),
        )
        for part in parts[::2]
    ]
    return "".join(parts)


def short_types(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str, returns: str
) -> tuple[str, str]:
    """Types by the names that one imports: Array, and shapes without an empty one."""

    def short(text: str | None) -> str | None:
        if text is None:
            return None
        return re.sub(r"\b(?:jaxlib\._jax|collections\.abc|typing|jax)\.(?=[A-Z])", "", text)

    return short(signature), short(returns)


def skipped(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Members that other packages define (scikit-learn's, Equinox's) are not ours to describe."""
    own = obj.fget if isinstance(obj, property) else getattr(obj, "__wrapped__", obj)
    home = getattr(own, "__module__", None)
    return True if isinstance(home, str) and not home.startswith("autoencodes") else None


def write_commands(app: Sphinx) -> None:
    """generated/commands.md, from the program's own help."""
    import typer

    from autoencodes.cli import app as program

    group = typer.main.get_command(program)
    context = group.make_context("autoencodes", [], resilient_parsing=True)
    said = [
        "# The command line",
        "",
        "What the program says of itself: `autoencodes --help`, and `--help` after every verb.",
        "",
        *block(group.get_help(context)),
    ]
    for name, command in sorted(group.commands.items()):
        own = command.make_context(name, [], parent=context, resilient_parsing=True)
        said += [f"## {name}", "", *block(command.get_help(own))]
    write(Path(app.srcdir) / "generated" / "commands.md", "\n".join(said))


def block(text: str) -> list[str]:
    return ["```text", inspect.cleandoc(text), "```", ""]


def write(path: Path, text: str) -> None:
    """Leaves a file as it is whose text would be the same, so that no page is read anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def single(conf: dict[str, Any], name: str) -> None:
    """Every example begins in JAX's own precision."""
    import jax

    jax.config.update("jax_enable_x64", False)


def accessible(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Names for what screen readers meet: films of matplotlib, and lists of arguments."""
    if body := context.get("body"):
        body = body.replace(
            '<img id="_anim_img', '<img alt="A film; its steps are below" id="_anim_img'
        )
        body = body.replace(
            '<input id="_anim_slider', '<input aria-label="Step of the film" id="_anim_slider'
        )
        context["body"] = re.sub(
            r'<dl>\n<dd>(?=<em class="sig-param").*?</dl>',
            lambda found: re.sub(r"<(dl|dd)>", r'<\1 role="none">', found[0]),
            body,
            flags=re.DOTALL,
        )


def mathml(self: Any, node: nodes.math | nodes.math_block) -> None:
    display = isinstance(node, nodes.math_block)
    self.body.append(tex2mathml(node.astext(), as_block=display))
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", examples_as_pages)
    app.connect("autodoc-process-docstring", displayed, priority=100)  # before napoleon
    app.connect("autodoc-process-docstring", plain, priority=900)  # after it
    app.connect("autodoc-process-signature", short_types)
    app.connect("autodoc-skip-member", skipped)
    app.connect("html-page-context", accessible)
    app.connect("builder-inited", write_commands, priority=100)
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
